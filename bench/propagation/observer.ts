/** Watches one type in every member and tells when a change is seen in all of them. */
import type { RestClient } from '../../src/client/rest.ts';
import { watch } from '../../src/client/watch.ts';
import { versionAnnotation } from './subject.ts';

/** 'gone', or the version that the object should show. */
export type Expectation = 'gone' | number;

interface Waiting {
  readonly expected: Expectation;
  readonly missing: Set<number>;
  readonly resolve: () => void;
}

const nameStart = Buffer.from('"name":"');
const quote = '"'.charCodeAt(0);

export class Observer {
  readonly #waiting = new Map<string, Waiting>();
  readonly #members: number;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(members: number) {
    this.#members = members;
  }

  /** Starts a watch per member; resolves when all are open. */
  async start(clients: readonly RestClient[], path: string): Promise<void> {
    await Promise.all(
      clients.map(async (client, member) => {
        const { resourceVersion } = await client.list(path, { limit: 1 });
        this.#running.push(this.#follow(client, path, { member, resourceVersion }));
      }),
    );
  }

  /** Resolves when every member has shown the change. Ask before making it. */
  expect(name: string, expected: Expectation): Promise<void> {
    return new Promise((resolve) => {
      const missing = new Set(Array.from({ length: this.#members }, (_, i) => i));
      this.#waiting.set(name, { expected, missing, resolve });
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  async #follow(
    client: RestClient,
    path: string,
    { member, resourceVersion }: { member: number; resourceVersion: string },
  ): Promise<void> {
    const { signal } = this.#stopped;
    let from = resourceVersion;
    while (!signal.aborted) {
      try {
        for await (const events of watch(client, path, { resourceVersion: from, signal })) {
          for (const event of events) {
            if (event.type === 'BOOKMARK') from = event.object().metadata.resourceVersion ?? from;
            else this.#see(member, event.type, event.bytes!);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  #see(member: number, type: string, bytes: Buffer): void {
    // metadata.name is the first name in an object as API servers write it.
    const start = bytes.indexOf(nameStart) + nameStart.length;
    const name = bytes.toString('latin1', start, bytes.indexOf(quote, start));
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    const shown =
      waiting.expected === 'gone'
        ? type === 'DELETED'
        : type !== 'DELETED' && bytes.includes(`"${versionAnnotation}":"${waiting.expected}"`);
    if (!shown || !waiting.missing.delete(member) || waiting.missing.size > 0) return;
    this.#waiting.delete(name);
    waiting.resolve();
  }
}
