/**
 * /healthz, /livez and /readyz: named checks, each with a path of its own, in kube-apiserver's text
 * form.
 */
import { messageOf } from '../base/errors.ts';
import type { RequestContext } from './backend.ts';
import type { ApiRequest, ApiResponse } from './types.ts';
import type { NonResource } from './types-source.ts';

/** Rejects, with the reason as its message, when something is not well. */
export type HealthCheck = () => Promise<void> | void;

type Probe = 'livez' | 'readyz';

export class HealthChecks implements NonResource {
  readonly #checks: {
    readonly name: string;
    readonly probes: readonly Probe[];
    readonly check: HealthCheck;
  }[] = [{ name: 'ping', probes: ['livez', 'readyz'], check: () => {} }];

  /**
   * `probes`: whether the check says that the process lives, or only whether it may get traffic.
   */
  add(name: string, probes: readonly Probe[], check: HealthCheck): void {
    this.#checks.push({ name, probes, check });
  }

  async handle(_context: RequestContext, request: ApiRequest): Promise<ApiResponse | undefined> {
    const [path = '', search = ''] = request.path.split('?', 2);
    const match = /^\/(healthz|livez|readyz)(?:\/([^/]+))?\/?$/.exec(path);
    if (match === null) return undefined;
    const endpoint = match[1] as 'healthz' | Probe;
    const probe = endpoint === 'healthz' ? 'livez' : endpoint;
    const wanted = this.#checks.filter(({ probes }) => probes.includes(probe));
    const query = new URLSearchParams(search);
    const excluded = new Set(query.getAll('exclude'));
    if (match[2] !== undefined) {
      const one = wanted.filter(({ name }) => name === match[2]);
      return one.length === 0 ? undefined : report(endpoint, await run(one), query);
    }
    const chosen = wanted.filter(({ name }) => !excluded.has(name));
    return report(endpoint, await run(chosen), query);
  }
}

interface Outcome {
  readonly name: string;
  readonly problem: string | undefined;
}

async function run(
  checks: readonly { readonly name: string; readonly check: HealthCheck }[],
): Promise<Outcome[]> {
  return Promise.all(
    checks.map(async ({ name, check }) => {
      try {
        await check();
        return { name, problem: undefined };
      } catch (error) {
        return { name, problem: messageOf(error) };
      }
    }),
  );
}

function report(
  endpoint: string,
  outcomes: readonly Outcome[],
  query: URLSearchParams,
): ApiResponse {
  const failed = outcomes.some(({ problem }) => problem !== undefined);
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  };
  if (!failed && !query.has('verbose')) return { status: 200, headers, body: Buffer.from('ok') };
  const lines = outcomes.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem.split('\n', 1)[0]}`,
  );
  const verdict = failed ? `${endpoint} check failed` : `${endpoint} check passed`;
  const body = Buffer.from(`${[...lines, verdict].join('\n')}\n`);
  return { status: failed ? 500 : 200, headers, body };
}
