/**
 * A member that is away while objects are made: how long after its return until it has them all.
 */
import { pathOf } from '../../src/kube/resource.ts';
import type { Bench } from './setup.ts';
import { clear, type Load, pause, within } from './workload.ts';

/** Seconds from the moment the member goes on until every member shows every object. */
export async function catchUp(
  bench: Bench,
  load: Load,
  { awaySeconds, objects }: { awaySeconds: number; objects: number },
): Promise<number> {
  const pid = bench.fleet.members[0]!.processes().find(({ title }) =>
    title.includes('apiserver'),
  )!.pid;
  const names = Array.from({ length: objects }, (_, i) => `away-${i}`);
  const seen = names.map((name) => load.observer.expect(name, 0));
  // Frozen, it neither answers nor refuses: the kind of absence that costs time-outs.
  process.kill(pid, 'SIGSTOP');
  try {
    await pause(1000);
    const { type, make } = load.subject;
    for (const name of names) await load.targets[0]!.create(pathOf(type), make(name));
    await pause((awaySeconds - 1) * 1000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const started = performance.now();
  await within(180_000, Promise.all(seen), 'the member did not catch up');
  const seconds = (performance.now() - started) / 1000;
  await clear(load, names);
  return seconds;
}
