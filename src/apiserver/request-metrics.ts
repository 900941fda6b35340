/**
 * Requests as numbers, under kube-apiserver's names; a series is found once per kind of request and
 * kept.
 */
import type { Clock } from '../base/clock.ts';
import {
  exponential,
  type Family,
  type Histogram,
  type Metrics,
  requestSeconds,
  type Value,
} from '../base/metrics.ts';
import type { Flow } from './fairness/flows.ts';
import type { SeatEvents, Seats } from './fairness/seats.ts';
import { isLongRunning, type Observer, type Trace } from './trace.ts';
import type { ApiResponse } from './types.ts';

/** The series of one kind of request: all that its labels have in common. */
interface Kind {
  readonly labels: readonly string[];
  readonly seconds: Histogram;
  readonly sizes: Histogram | undefined;
  readonly byCode: Map<number, Value>;
}

const mutating: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const standard: ReadonlySet<string> = new Set([...mutating, 'GET', 'HEAD', 'OPTIONS']);
const place = ['group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;
const kindsMax = 10_000;

export class RequestMetrics implements Observer {
  readonly #clock: Clock;
  readonly #total: Family<Value>;
  readonly #seconds: Family<Histogram>;
  readonly #sizes: Family<Histogram>;
  readonly #longRunning: Family<Value>;
  readonly #reading: Value;
  readonly #changing: Value;
  readonly #kinds = new Map<string, Kind>();
  readonly #byType = new WeakMap<object, Map<string, Kind>>();

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#total = metrics.counter(
      'apiserver_request_total',
      'Requests by verb, dry run, resource, scope and code of the answer.',
      ['verb', 'dry_run', ...place, 'code'],
    );
    this.#seconds = metrics.histogram(
      'apiserver_request_duration_seconds',
      'Seconds from the request to its answer; for a watch, to its end.',
      { labels: ['verb', 'dry_run', ...place], bounds: requestSeconds },
    );
    this.#sizes = metrics.histogram(
      'apiserver_response_sizes',
      'Bytes of answers, before compression.',
      { labels: ['verb', ...place], bounds: exponential(1000, 10, 7) },
    );
    this.#longRunning = metrics.gauge(
      'apiserver_longrunning_requests',
      'Watches and other streams that are open.',
      ['verb', ...place],
    );
    const inflight = metrics.gauge(
      'apiserver_current_inflight_requests',
      'Requests that are being answered, streams of open end not among them.',
      ['request_kind'],
    );
    this.#reading = inflight.of('readOnly');
    this.#changing = inflight.of('mutating');
  }

  begin({ request }: Trace): void {
    (mutating.has(request.method) ? this.#changing : this.#reading).value++;
  }

  answered(trace: Trace, response: ApiResponse): void {
    const { request } = trace;
    (mutating.has(request.method) ? this.#changing : this.#reading).value--;
    const kind = this.#kindOf(trace);
    if (Buffer.isBuffer(response.body)) kind.sizes?.observe(response.body.length);
    const open = response.endless === true && trace.info !== undefined && isLongRunning(trace.info);
    // Those of this process end with it; only the front end tells when a stream has ended.
    if (!open || request.user !== undefined || request.signal.aborted) {
      this.#ended(kind, trace, response.status);
      return;
    }
    const [verb = '', , ...rest] = kind.labels;
    const running = this.#longRunning.of(verb, ...rest);
    running.value++;
    const onEnd = (): void => {
      running.value--;
      this.#ended(kind, trace, response.status);
    };
    request.signal.addEventListener('abort', onEnd, { once: true });
  }

  #ended(kind: Kind, { startedAt }: Trace, code: number): void {
    kind.seconds.observe((this.#clock.monotonic() - startedAt) / 1000);
    let count = kind.byCode.get(code);
    if (count === undefined) {
      count = this.#total.of(...kind.labels, String(code));
      kind.byCode.set(code, count);
    }
    count.value++;
  }

  /** By the type first, which needs no text: this is asked for every request. */
  #kindOf(trace: Trace): Kind {
    const { info, call } = trace;
    if (info === undefined || call === undefined) return this.#labelled(labelsOf(trace));
    let kinds = this.#byType.get(call.type);
    if (kinds === undefined) {
      kinds = new Map();
      this.#byType.set(call.type, kinds);
    }
    const { name, namespace, subresource } = call.target;
    const scope = name !== '' ? 'r' : namespace !== '' ? 'n' : 'c';
    // A query, and what kind of patch it is, say more about the verb.
    const plain = info.query.size === 0 && info.verb !== 'patch';
    const key = plain ? `${scope}${info.verb}/${subresource}` : '';
    let kind = plain ? kinds.get(key) : undefined;
    if (kind === undefined) {
      kind = this.#labelled(labelsOf(trace));
      if (plain) kinds.set(key, kind);
    }
    return kind;
  }

  #labelled(labels: readonly string[]): Kind {
    const key = labels.join('\0');
    let kind = this.#kinds.get(key);
    if (kind !== undefined) return kind;
    const [verb = '', , ...rest] = labels;
    kind = {
      labels,
      seconds: this.#seconds.of(...labels),
      // kube-apiserver tells them for reads only.
      sizes: verb === 'GET' || verb === 'LIST' ? this.#sizes.of(verb, ...rest) : undefined,
      byCode: new Map(),
    };
    if (this.#kinds.size < kindsMax) this.#kinds.set(key, kind);
    return kind;
  }
}

/** verb, dry_run, group, version, resource, subresource, scope, component. */
function labelsOf({ request, info, call }: Trace): string[] {
  const method = standard.has(request.method) ? request.method : 'other';
  // Of a type that is not served nothing is told: anybody can ask for any name.
  if (info === undefined || call === undefined)
    return [
      method,
      '',
      '',
      '',
      '',
      call === undefined ? nonResource(info?.path) : '',
      '',
      'apiserver',
    ];
  const { group, version, resource } = call.type;
  const { name, namespace, subresource } = call.target;
  const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  const dryRun = info.query.size > 0 && info.query.get('dryRun') === 'All' ? 'All' : '';
  const verb = verbOf(info.verb, request, info.query);
  return [verb, dryRun, group, version, resource, subresource, scope, 'apiserver'];
}

const documents: ReadonlySet<string> = new Set([
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version',
]);

/** Where kube-apiserver names such paths: in the label of the subresource. */
function nonResource(path: string | undefined): string {
  return path !== undefined && documents.has(path) ? path : '';
}

function verbOf(
  verb: string,
  { method, headers }: Trace['request'],
  query: URLSearchParams,
): string {
  switch (verb) {
    case 'list':
      return 'LIST';
    case 'watch':
      return query.get('sendInitialEvents') === 'true' ? 'WATCHLIST' : 'WATCH';
    case 'deletecollection':
      return 'DELETECOLLECTION';
    case 'patch':
      return (headers['content-type'] ?? '').startsWith('application/apply-patch')
        ? 'APPLY'
        : 'PATCH';
    default:
      return method;
  }
}

/** What waits and what was turned away, under kube-apiserver's names. */
export function seatMetrics(metrics: Metrics): { events: SeatEvents; follow(seats: Seats): void } {
  const labels = ['flow_schema', 'priority_level'];
  const name = (what: string): string => `apiserver_flowcontrol_${what}`;
  const rejected = metrics.counter(
    name('rejected_requests_total'),
    'Requests that were turned away with 429.',
    [...labels, 'reason'],
  );
  const waited = metrics.histogram(
    name('request_wait_duration_seconds'),
    'Seconds for which requests waited for their turn.',
    {
      labels: [...labels, 'execute'],
      bounds: [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
    },
  );
  const gauge = (what: string, help: string) => metrics.gauge(name(what), help, ['priority_level']);
  const limit = gauge('nominal_limit_seats', 'Requests that a level may serve at one time.');
  const executing = gauge('current_executing_seats', 'Requests that a level is serving.');
  const waiting = gauge('current_inqueue_requests', 'Requests that wait for their turn.');
  return {
    events: {
      waited: ({ schema, level }: Flow, ms) => waited.of(schema, level, 'true').observe(ms / 1000),
      rejected: ({ schema, level }: Flow, reason) => rejected.of(schema, level, reason).add(),
    },
    follow: (seats) =>
      metrics.collect(() => {
        for (const state of seats.states()) {
          limit.of(state.name).set(state.seats);
          executing.of(state.name).set(state.executing);
          waiting.of(state.name).set(state.waiting);
        }
      }),
  };
}
