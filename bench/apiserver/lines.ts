/** What is measured, line by line, with the same code for every server. */
import { quantile } from '../propagation/statistics.ts';
import { pause, within } from '../propagation/workload.ts';
import { Connection, type Endpoint } from './connection.ts';

export const lineNames = [
  'create',
  'get',
  'list of 2000',
  'page of 500',
  'list by label, 20 of 2000',
  'server-side apply, update',
  'watch, 100 watchers',
] as const;
export type LineName = (typeof lineNames)[number];

/** What one line reached. */
export interface Reached {
  /** Requests per second; of the watch: events that arrived. */
  readonly rate: number;
  /** Milliseconds; of the watch: from the request to the event at a watcher. */
  readonly p99: number;
  /** Of the server, microseconds for one request or event. */
  readonly cpu: number;
}

export interface Load {
  readonly endpoint: Endpoint;
  readonly namespace: string;
  readonly concurrency: number;
  /** What the server has used until now, milliseconds. */
  readonly cpuMs: () => number;
}

const standing = 2000;
const labelled = 20;
const watchers = 100;
const watchedCreates = 200;
const applied = 500;

/** Requests of each line: about a second's worth on two cores. */
const requests = { create: 1000, get: 5000, list: 64, page: 250, label: 2000, apply: 1000 };

const data = (version: number): Record<string, string> => ({
  ...Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`settings-${i}.conf`, `key-${i}=value `.repeat(20)]),
  ),
  version: String(version),
});

function configMap(name: string, { labels = {}, version = 0 } = {}): string {
  const metadata = { name, labels: { app: 'bench', ...labels } };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: data(version),
  });
}

/** One side: its connections, and what stands on it. */
export class Side {
  readonly #load: Load;
  readonly #path: string;
  readonly #changing: string;
  readonly #applied: string;
  readonly #connections: readonly Connection[];
  #version = 0;
  #names = 0;

  private constructor(load: Load, connections: readonly Connection[]) {
    this.#load = load;
    this.#connections = connections;
    this.#path = `/api/v1/namespaces/${load.namespace}/configmaps`;
    this.#changing = `/api/v1/namespaces/${load.namespace}-changing/configmaps`;
    this.#applied = `/api/v1/namespaces/${load.namespace}-applied/configmaps`;
  }

  /** Makes the namespaces and the objects that reads are about. */
  static async prepare(load: Load): Promise<Side> {
    const { endpoint, concurrency, namespace } = load;
    const opening = Array.from({ length: concurrency }, () => Connection.open(endpoint));
    const side = new Side(load, await Promise.all(opening));
    for (const name of [namespace, `${namespace}-changing`, `${namespace}-applied`]) {
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      await side.#send(1, () => ['POST /api/v1/namespaces', { body }]);
    }
    await side.#send(standing, (i) => {
      const labels = i % (standing / labelled) === 0 ? { few: 'yes' } : {};
      return [`POST ${side.#path}`, { body: configMap(`standing-${i}`, { labels }) }];
    });
    await side.#apply(applied);
    return side;
  }

  async measure(line: LineName): Promise<Reached> {
    const path = this.#path;
    switch (line) {
      case 'create': {
        const first = this.#names;
        this.#names += requests.create;
        return this.#send(requests.create, (i) => [
          `POST ${this.#changing}`,
          { body: configMap(`created-${first + i}`) },
        ]);
      }
      case 'get':
        // 997 has no divisor in common with 2000: every object in turn, but not in order.
        return this.#send(requests.get, (i) => [`GET ${path}/standing-${(i * 997) % standing}`]);
      case 'list of 2000':
        return this.#send(requests.list, () => [`GET ${path}`]);
      case 'page of 500':
        return this.#send(requests.page, () => [`GET ${path}?limit=500`]);
      case 'list by label, 20 of 2000':
        return this.#send(requests.label, () => [`GET ${path}?labelSelector=few%3Dyes`]);
      case 'server-side apply, update':
        return this.#apply(requests.apply);
      case 'watch, 100 watchers':
        return this.#watch();
    }
  }

  /** Whether lists have all their objects, so that nobody measures empty ones. @throws Error */
  async check(): Promise<void> {
    const expected: readonly [string, number][] = [
      ['', standing],
      ['?limit=500', 500],
      ['?labelSelector=few%3Dyes', labelled],
    ];
    for (const [query, count] of expected) {
      const line = `GET ${this.#path}${query}`;
      const { body } = await this.#connections[0]!.exchange(line, { keep: true });
      const { items } = JSON.parse(body!.toString()) as { items: readonly unknown[] };
      if (items.length < count) throw new Error(`${line} has ${items.length} items`);
    }
  }

  /** Takes away what was created since the last time. */
  async clear(): Promise<void> {
    await this.#send(1, () => [`DELETE ${this.#changing}?labelSelector=app%3Dbench`]);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #apply(count: number): Promise<Reached> {
    const version = ++this.#version;
    return this.#send(count, (i) => {
      const name = `applied-${i % applied}`;
      // Each request changes something, also the second one to an object.
      const body = configMap(name, { version: 10 * version + Math.floor(i / applied) });
      const line = `PATCH ${this.#applied}/${name}?fieldManager=bench&force=true`;
      return [line, { body, contentType: 'application/apply-patch+yaml' }];
    });
  }

  async #send(
    count: number,
    request: (i: number) => [string, { body?: string; contentType?: string }?],
  ): Promise<Reached> {
    const times: number[] = [];
    let next = 0;
    const meter = new Meter(this.#load);
    const work = async (connection: Connection): Promise<void> => {
      while (next < count) {
        const [line, options] = request(next++);
        const sent = performance.now();
        const { status } = await connection.exchange(line, options);
        if (status >= 300) throw new Error(`${line} was answered with ${status}`);
        times.push(performance.now() - sent);
      }
    };
    await Promise.all(this.#connections.map(work));
    return meter.read(times);
  }

  async #watch(): Promise<Reached> {
    const first = this.#names;
    this.#names += watchedCreates;
    const sent = new Float64Array(watchedCreates);
    const arrived = new Arrivals(sent, first, watchers * watchedCreates);
    const version = await this.#newest();
    const line = `GET ${this.#changing}?watch=true&resourceVersion=${version}`;
    const streams = await Promise.all(
      Array.from({ length: watchers }, async () => {
        const connection = await Connection.open(this.#load.endpoint);
        await connection.stream(line, arrived.reader());
        return connection;
      }),
    );
    await pause(100);
    const meter = new Meter(this.#load);
    await this.#send(watchedCreates, (i) => {
      sent[i] = performance.now();
      return [`POST ${this.#changing}`, { body: configMap(`created-${first + i}`) }];
    });
    await within(30_000, arrived.all, 'not every event arrived');
    const reached = meter.read(arrived.times);
    for (const stream of streams) stream.close();
    return reached;
  }

  async #newest(): Promise<string> {
    const line = `GET ${this.#changing}?limit=1`;
    const { body } = await this.#connections[0]!.exchange(line, { keep: true });
    const list = JSON.parse(body!.toString()) as { metadata: { resourceVersion: string } };
    return list.metadata.resourceVersion;
  }
}

/** From now until it is read. */
class Meter {
  readonly #load: Load;
  readonly #cpuMs: number;
  readonly #started = performance.now();

  constructor(load: Load) {
    this.#load = load;
    this.#cpuMs = load.cpuMs();
  }

  /** `times`: of each request or event, milliseconds. */
  read(times: readonly number[]): Reached {
    const rate = (times.length * 1000) / (performance.now() - this.#started);
    const cpu = ((this.#load.cpuMs() - this.#cpuMs) * 1000) / times.length;
    return { rate, p99: quantile(times, 0.99), cpu };
  }
}

const newline = 0x0a;
const quote = 0x22;
const nameStart = Buffer.from('"name":"created-');

/** Counts events as watchers get them, and how long each was on its way. */
class Arrivals {
  readonly times: number[] = [];
  readonly all: Promise<void>;
  readonly #sent: Float64Array;
  readonly #first: number;
  readonly #expected: number;
  readonly #resolve: () => void;

  constructor(sent: Float64Array, first: number, expected: number) {
    this.#sent = sent;
    this.#first = first;
    this.#expected = expected;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.all = promise;
    this.#resolve = resolve;
  }

  /** Takes the bytes of one watcher. */
  reader(): (bytes: Buffer) => void {
    let rest: Buffer | undefined;
    return (bytes) => {
      const now = performance.now();
      const text = rest === undefined ? bytes : Buffer.concat([rest, bytes]);
      let from = 0;
      for (let end = text.indexOf(newline); end >= 0; end = text.indexOf(newline, from)) {
        this.#event(text, from, now);
        from = end + 1;
      }
      rest = from === text.length ? undefined : text.subarray(from);
    };
  }

  #event(text: Buffer, from: number, now: number): void {
    const start = text.indexOf(nameStart, from) + nameStart.length;
    const number = Number(text.toString('latin1', start, text.indexOf(quote, start)));
    this.times.push(now - this.#sent[number - this.#first]!);
    if (this.times.length === this.#expected) this.#resolve();
  }
}
