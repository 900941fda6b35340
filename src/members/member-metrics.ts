/** Members as numbers: how each is, what it was asked, and how long it took. */
import type { Clock } from '../base/clock.ts';
import { exponential, type Metrics } from '../base/metrics.ts';
import type { Transport } from '../client/transport.ts';
import type { OpenTransport } from './connection.ts';
import type { MemberSet } from './member-set.ts';

const streamQuery = /[?&](?:watch|follow)=(?:true|1)(?:&|$)/;

export class MemberMetrics {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #requests;
  readonly #seconds;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#requests = metrics.counter(
      'ubernetes_member_requests_total',
      'Requests to members by method and code; no code: no answer.',
      ['cluster', 'method', 'code'],
    );
    this.#seconds = metrics.histogram(
      'ubernetes_member_request_duration_seconds',
      "Seconds until the head of a member's answer; watches are not counted.",
      { labels: ['cluster', 'method'], bounds: exponential(0.001, 2, 15) },
    );
  }

  /** The same transports, counted. */
  metered(open: OpenTransport): OpenTransport {
    return (cluster, credential) =>
      this.#counted(open(cluster, credential), cluster.metadata.name ?? '');
  }

  /** Health of each member at every reading. */
  follow(members: MemberSet): void {
    const labels = ['cluster'];
    const flag = (name: string, help: string) =>
      this.#metrics.gauge(`ubernetes_member_${name}`, help, labels);
    const reachable = flag('reachable', '1 when the member answered lately.');
    const ready = flag('ready', '1 when the member says that it is ready.');
    const writable = flag('writable', '1 when the federation may write to the member.');
    const away = flag('unreachable_seconds', 'For how long the member has been out of reach.');
    this.#metrics.collect(() => {
      for (const family of [reachable, ready, writable, away]) family.clear();
      for (const { name, health, unreachableSince } of members.list()) {
        reachable.of(name).set(Number(health.reachable));
        ready.of(name).set(Number(health.ready));
        writable.of(name).set(Number(health.writable));
        const ms = unreachableSince === undefined ? 0 : this.#clock.monotonic() - unreachableSince;
        away.of(name).set(ms / 1000);
      }
    });
  }

  #counted(inner: Transport, cluster: string): Transport {
    return {
      request: async (request) => {
        const { method } = request;
        const start = this.#clock.monotonic();
        let code = '';
        try {
          const response = await inner.request(request);
          code = String(response.status);
          return response;
        } finally {
          this.#requests.of(cluster, method, code).value++;
          if (!streamQuery.test(request.path))
            this.#seconds.of(cluster, method).observe((this.#clock.monotonic() - start) / 1000);
        }
      },
      ...(inner.upgrade === undefined ? {} : { upgrade: (request) => inner.upgrade!(request) }),
      ...(inner.resetStreams === undefined ? {} : { resetStreams: () => inner.resetStreams!() }),
      close: () => inner.close(),
    };
  }
}
