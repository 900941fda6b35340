/**
 * /healthz, /livez and /readyz: named checks, each with a path of its own, in kube-apiserver's text
 * form.
 */
import { messageOf } from '../base/errors.ts';
import { quoteGo } from '../kube/quote.ts';
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
    const match = /^\/(healthz|livez|readyz)(?:\/(.+?))?\/?$/.exec(path);
    if (match === null) return undefined;
    const endpoint = match[1] as 'healthz' | Probe;
    const probe = endpoint === 'healthz' ? 'livez' : endpoint;
    const wanted = this.#checks.filter(({ probes }) => probes.includes(probe));
    const query = new URLSearchParams(search);
    if (match[2] !== undefined) {
      const one = wanted.find(({ name }) => name === match[2]);
      return one === undefined ? noSuchCheck : reportOne(await problemOf(one.check));
    }
    return reportAll(endpoint, query, await run(wanted, new Set(query.getAll('exclude'))));
  }
}

interface Named {
  readonly name: string;
  readonly check: HealthCheck;
}

async function problemOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

interface Outcome {
  readonly lines: readonly string[];
  readonly failed: boolean;
}

/** Why a check failed is left to its own path, which needs a right of its own. */
async function run(checks: readonly Named[], excluded: Set<string>): Promise<Outcome> {
  let failed = false;
  const lines = await Promise.all(
    checks.map(async ({ name, check }) => {
      if (excluded.has(name)) return `[+]${name} excluded: ok`;
      if ((await problemOf(check)) === undefined) return `[+]${name} ok`;
      failed = true;
      return `[-]${name} failed: reason withheld`;
    }),
  );
  const unknown = [...excluded].filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    const names = unknown.sort().map(quoteGo).join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  return { lines, failed };
}

const headers = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
};

const noSuchCheck: ApiResponse = {
  status: 404,
  headers,
  body: Buffer.from('404 page not found\n'),
};

function reportOne(problem: string | undefined): ApiResponse {
  if (problem === undefined) return { status: 200, headers, body: Buffer.from('ok') };
  return { status: 500, headers, body: Buffer.from(`internal server error: ${problem}\n`) };
}

function reportAll(
  endpoint: string,
  query: URLSearchParams,
  { lines, failed }: Outcome,
): ApiResponse {
  if (!failed && !query.has('verbose')) return { status: 200, headers, body: Buffer.from('ok') };
  const verdict = failed ? `${endpoint} check failed` : `${endpoint} check passed`;
  const body = Buffer.from(`${[...lines, verdict].join('\n')}\n`);
  return { status: failed ? 500 : 200, headers, body };
}
