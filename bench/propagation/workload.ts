/**
 * The writes that are measured, the same code for the federation and for members that are written
 * directly.
 */
import type { RestClient } from '../../src/client/rest.ts';
import { type WatchedEvent, watch } from '../../src/client/watch.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { pathOf } from '../../src/kube/resource.ts';
import type { Expectation, Observer } from './observer.ts';
import type { Subject } from './subject.ts';

/** Who is written to: one federation, or every member at the same time. */
export type Targets = readonly RestClient[];

export interface Load {
  readonly subject: Subject;
  readonly targets: Targets;
  readonly observer: Observer;
  readonly concurrency: number;
}

type Write = (client: RestClient, subject: Subject, name: string) => Promise<unknown>;

const create: Write = (client, { type, make }, name) => client.create(pathOf(type), make(name));
const remove: Write = (client, { type }, name) =>
  client.delete(pathOf({ ...type, name }), { propagationPolicy: 'Background' });
const update =
  (version: number): Write =>
  (client, { type, change }, name) =>
    client.patch(pathOf({ ...type, name }), {
      type: 'application/merge-patch+json',
      body: change(version),
    });

export type Step = 'create' | 'update' | 'update again' | 'delete';

const steps: readonly { step: Step; write: Write; expected: Expectation }[] = [
  { step: 'create', write: create, expected: 0 },
  { step: 'update', write: update(1), expected: 1 },
  { step: 'update again', write: update(2), expected: 2 },
  { step: 'delete', write: remove, expected: 'gone' },
];

/**
 * Objects per second, step by step: from the first request to the last change seen in every member.
 */
export async function throughput(
  load: Load,
  names: readonly string[],
): Promise<Record<Step, number>> {
  const rates: Partial<Record<Step, number>> = {};
  for (const { step, write, expected } of steps) {
    const seen = names.map((name) => load.observer.expect(name, expected));
    const queue = [...names];
    const started = performance.now();
    const worker = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const current = name;
        await Promise.all(load.targets.map((client) => write(client, load.subject, current)));
      }
    };
    await Promise.all(Array.from({ length: load.concurrency }, worker));
    await within(60_000, Promise.all(seen), `${step}: not every change was seen`);
    rates[step] = (names.length * 1000) / (performance.now() - started);
  }
  return rates as Record<Step, number>;
}

/** One create after the other on an idle system: milliseconds until every member shows it. */
export async function idleCreates(load: Load, names: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const name of names) {
    const seen = load.observer.expect(name, 0);
    const started = performance.now();
    await Promise.all(load.targets.map((client) => create(client, load.subject, name)));
    await within(60_000, seen, `create ${name}: not seen`);
    times.push(performance.now() - started);
    await pause(20);
  }
  await clear(load, names);
  return times;
}

export async function clear(load: Load, names: readonly string[]): Promise<void> {
  const gone = names.map((name) => load.observer.expect(name, 'gone'));
  await Promise.all(
    names.map((name) =>
      Promise.all(load.targets.map((client) => remove(client, load.subject, name))),
    ),
  );
  await within(60_000, Promise.all(gone), 'clear: not everything went');
}

/**
 * Edits behind the federation's back: milliseconds from the answer to the edit until a watch of the
 * member shows the old value again. 0 = the watch was quicker than the answer.
 */
export async function driftCorrections(
  load: Load,
  member: RestClient,
  { name, rounds }: { name: string; rounds: number },
): Promise<number[]> {
  const created = load.observer.expect(name, 0);
  await Promise.all(load.targets.map((client) => create(client, load.subject, name)));
  await created;
  await pause(300);
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    times.push(await within(30_000, correction(load, member, { name, round }), 'drift: it stays'));
  }
  return times;
}

async function correction(
  { subject }: Load,
  member: RestClient,
  { name, round }: { name: string; round: number },
): Promise<number> {
  const path = pathOf({ ...subject.type, name });
  const { resourceVersion } = (await member.get(path)).object<KubeObject>().metadata;
  const ended = new AbortController();
  const opened = Promise.withResolvers<void>();
  const undone = seenUndone({
    events: watch(member, pathOf(subject.type), {
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: resourceVersion!,
      signal: ended.signal,
      onOpen: opened.resolve,
    }),
    isUndone: (object) => subject.isUndone(object, round),
  });
  await opened.promise;
  const body = subject.drift(round);
  const type = 'application/merge-patch+json';
  await member.patch(path, { type, body }, { fieldManager: 'someone' });
  const answered = performance.now();
  const seen = await undone;
  ended.abort();
  return Math.max(0, seen - answered);
}

/** When the old value was seen again after the edit was seen. */
async function seenUndone({
  events,
  isUndone,
}: {
  events: AsyncIterable<readonly WatchedEvent[]>;
  isUndone: (object: KubeObject) => boolean;
}): Promise<number> {
  let edited = false;
  for await (const batch of events) {
    for (const event of batch) {
      if (event.type !== 'MODIFIED') continue;
      const undone = isUndone(event.object());
      if (edited && undone) return performance.now();
      if (!undone) edited = true;
    }
  }
  throw new Error('the watch ended before the edit was undone');
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function within<T>(ms: number, promise: Promise<T>, why: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
