/**
 * kill -9 of the server in the middle of writes, and a restart: what it had acknowledged must be in
 * the federation and in every member, and nothing else.
 */
import { join } from 'node:path';
import type { RestClient } from '../../src/client/rest.ts';
import { pathOf } from '../../src/kube/resource.ts';
import { type Bench, serve } from './setup.ts';
import { deployments, versionAnnotation } from './subject.ts';
import { pause } from './workload.ts';

/** The version that an object shows, or that there is none. */
type State = number | 'gone';

export interface Killed {
  /** Writes that were answered before the kill. */
  readonly acknowledged: number;
  /** Writes on their way at that moment: both outcomes are right. */
  readonly inDoubt: number;
  /** Seconds from the start of the new process until it serves, and until all members agree. */
  readonly servedSeconds: number;
  readonly agreedSeconds: number;
  /** What was acknowledged and is not so; empty, or a bug. */
  readonly lost: readonly string[];
  /** Where members do not show what the federation does; empty, or a bug. */
  readonly apart: readonly string[];
}

/** What one object was last known to be, and what a write on its way would make it. */
interface Known {
  state: State;
  attempt: State | undefined;
}

/** Longest wait for the members to agree after the restart, milliseconds. */
const agreeMs = 180_000;
const replicas = 3;
const { type, make, change } = deployments(replicas);

export async function killUnderLoad(
  bench: Bench,
  { name: prefix, writers, writes }: { name: string; writers: number; writes: number },
): Promise<Killed> {
  const known = new Map<string, Known>();
  let acknowledged = 0;
  let over = false;
  const { client } = bench.federation;

  const attempt = async (name: string, state: State, write: () => Promise<unknown>) => {
    const entry = known.get(name) ?? { state: 'gone', attempt: undefined };
    known.set(name, entry);
    entry.attempt = state;
    await write();
    entry.state = state;
    entry.attempt = undefined;
    acknowledged++;
  };

  /** Every second object is changed, every fourth deleted again. */
  const writer = async (number: number): Promise<void> => {
    for (let i = 0; !over; i++) {
      const name = `${prefix}-${number}-${i}`;
      const path = pathOf({ ...type, name });
      await attempt(name, 0, () => client.create(pathOf(type), make(name)));
      if (i % 2 === 1) {
        const patch = { type: 'application/merge-patch+json', body: change(1) } as const;
        await attempt(name, 1, () => client.patch(path, patch));
      }
      if (i % 4 === 3) await attempt(name, 'gone', () => client.delete(path, {}));
    }
  };

  const working = Array.from({ length: writers }, (_, number) => writer(number));
  const ended = Promise.allSettled(working);
  while (acknowledged < writes) await pause(5);
  await bench.federation.stop('SIGKILL');
  over = true;
  await ended;
  const inDoubt = [...known.values()].filter((entry) => entry.attempt !== undefined).length;
  const answered = acknowledged;

  const started = performance.now();
  bench.federation = await serve(join(bench.folder, 'data'));
  const servedSeconds = (performance.now() - started) / 1000;
  const states = await statesIn(bench.federation.client, prefix);
  const lost = [...known].flatMap(([name, entry]) => {
    const seen = states.get(name)?.state ?? 'gone';
    const right = seen === entry.state || seen === entry.attempt;
    return right ? [] : [`${name}: ${seen} instead of ${entry.state}`];
  });
  const wanted = new Map([...states].map(([name, { state }]) => [name, state]));
  const apart = await agreement(bench, wanted, prefix);
  const agreedSeconds = (performance.now() - started) / 1000;
  return { acknowledged: answered, inDoubt, servedSeconds, agreedSeconds, lost, apart };
}

interface Seen {
  readonly state: State;
  readonly replicas: number;
}

async function statesIn(client: RestClient, prefix: string): Promise<Map<string, Seen>> {
  const states = new Map<string, Seen>();
  for await (const { items } of client.pages(pathOf(type), { limit: 500 })) {
    for (const { metadata, ...object } of items) {
      if (!metadata.name!.startsWith(`${prefix}-`) || metadata.deletionTimestamp !== undefined)
        continue;
      const state = Number(metadata.annotations?.[versionAnnotation]);
      const spec = object['spec'] as { replicas: number };
      states.set(metadata.name!, { state, replicas: spec.replicas });
    }
  }
  return states;
}

/** Waits until every member shows what the federation does; what is apart when patience ends. */
async function agreement(
  bench: Bench,
  wanted: ReadonlyMap<string, State>,
  prefix: string,
): Promise<string[]> {
  const until = performance.now() + agreeMs;
  for (;;) {
    const seen = await Promise.all(bench.members.map((client) => statesIn(client, prefix)));
    const apart = differences(wanted, seen);
    if (apart.length === 0 || performance.now() > until) return apart;
    await pause(100);
  }
}

function differences(
  wanted: ReadonlyMap<string, State>,
  members: readonly ReadonlyMap<string, Seen>[],
): string[] {
  const apart: string[] = [];
  const names = new Set([...wanted.keys(), ...members.flatMap((member) => [...member.keys()])]);
  for (const name of names) {
    const state = wanted.get(name) ?? 'gone';
    const shown = members.map((member) => member.get(name));
    const sum = shown.reduce((total, copy) => total + (copy?.replicas ?? 0), 0);
    const copies = shown.filter((copy) => copy !== undefined);
    const right =
      state === 'gone'
        ? copies.length === 0
        : sum === replicas && copies.every((copy) => copy.state === state);
    if (right) continue;
    const said = shown.map((copy) =>
      copy === undefined ? 'gone' : `${copy.state}×${copy.replicas}`,
    );
    apart.push(`${name}: ${state} in the federation, ${said.join(', ')} in the members`);
  }
  return apart;
}
