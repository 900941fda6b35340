/**
 * The writes that are measured, the same code for the federation and for members that are written
 * directly.
 */
import type { RestClient } from '../../src/client/rest.ts';
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
 * Edits behind the federation's back: milliseconds from the edit until the member shows the old
 * value again.
 */
export async function driftCorrections(
  load: Load,
  member: RestClient,
  { name, rounds }: { name: string; rounds: number },
): Promise<number[]> {
  const created = load.observer.expect(name, 0);
  await Promise.all(load.targets.map((client) => create(client, load.subject, name)));
  await created;
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const path = pathOf({ ...load.subject.type, name });
    const body = load.subject.drift(round);
    const started = performance.now();
    await member.patch(
      path,
      { type: 'application/merge-patch+json', body },
      { fieldManager: 'someone' },
    );
    for (;;) {
      if (load.subject.isUndone((await member.get(path)).object(), round)) break;
      if (performance.now() - started > 30_000) throw new Error('the drift was not corrected');
    }
    times.push(performance.now() - started);
    if (round % 3 === 0) return times;
  }
  return times;
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
