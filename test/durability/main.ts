/**
 * npm run kills -- --times N [--members N] [--writers N] [--record FILE]: kill -9 of the real
 * server in the middle of writes, again and again on one folder. Fails when anything is lost.
 * SIGTERM ends it after the kill that is under way.
 */
import { parseArgs } from 'node:util';
import { type Killed, killUnderLoad } from '../../bench/propagation/killed.ts';
import { type Bench, startBench } from '../../bench/propagation/setup.ts';
import { figure } from '../../bench/propagation/statistics.ts';
import { deployments } from '../../bench/propagation/subject.ts';
import { pause } from '../../bench/propagation/workload.ts';
import { type Row, resultOf, writeResult } from '../../bench/result.ts';
import { messageOf } from '../../src/base/errors.ts';
import { integer, SystemRandom } from '../../src/base/random.ts';
import type { RestClient } from '../../src/client/rest.ts';
import { pathOf } from '../../src/kube/resource.ts';

const { type } = deployments(1);
/** Writes that are acknowledged before a kill. */
const writesBefore = { least: 1, most: 150 };
/** Longest that deletions may take to come through at the end, milliseconds. */
const goneMs = 120_000;

async function namesIn(client: RestClient): Promise<string[]> {
  const names: string[] = [];
  for await (const { items } of client.pages(pathOf(type), { limit: 500 }))
    names.push(...items.map(({ metadata }) => metadata.name!));
  return names;
}

/** Deletes all objects; their copies go in their own time, and the next kill may come between. */
async function clear({ federation: { client } }: Bench): Promise<void> {
  const names = await namesIn(client);
  const worker = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop())
      await client.delete(pathOf({ ...type, name }), { propagationPolicy: 'Background' });
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** What still stands somewhere, though all was deleted. */
async function leftBehind({ federation, members }: Bench): Promise<string[]> {
  const until = performance.now() + goneMs;
  for (;;) {
    const all = await Promise.all([federation.client, ...members].map((client) => namesIn(client)));
    const names = [...new Set(all.flat())];
    if (names.length === 0 || performance.now() > until) return names;
    await pause(200);
  }
}

function rowsOf(rounds: readonly Killed[], left: readonly string[]): Row[] {
  const told = (what: string, of: (killed: Killed) => number): Row => {
    return { what, ours: figure(rounds.map(of)), target: '', reached: true };
  };
  const once = (what: string, count: number): Row => {
    return { what, ours: figure([count]), target: '', reached: true };
  };
  const none = (what: string, count: number): Row => {
    return { what, ours: figure([count]), target: '0', reached: count === 0 };
  };
  const sum = (of: (killed: Killed) => readonly string[]): number =>
    rounds.reduce((total, killed) => total + of(killed).length, 0);
  return [
    once('kills', rounds.length),
    once(
      'writes acknowledged, together',
      rounds.reduce((total, { acknowledged }) => total + acknowledged, 0),
    ),
    told('writes acknowledged before a kill', ({ acknowledged }) => acknowledged),
    told('writes in flight at a kill', ({ inDoubt }) => inDoubt),
    told('s until it serves again', ({ servedSeconds }) => servedSeconds),
    told('s until all members agree', ({ agreedSeconds }) => agreedSeconds),
    none(
      'acknowledged and lost, of all kills',
      sum(({ lost }) => lost),
    ),
    none(
      'copies missing, of another version, too many, or with replicas too many or too few',
      sum(({ apart }) => apart),
    ),
    none('objects left anywhere after all were deleted', left.length),
  ];
}

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '100' },
    members: { type: 'string', default: '2' },
    writers: { type: 'string', default: '24' },
    record: { type: 'string' },
  },
});
const [times, members, writers] = [values.times, values.members, values.writers].map(Number) as [
  number,
  number,
  number,
];
const random = new SystemRandom();
let enough = false;
process.once('SIGTERM', () => {
  enough = true;
});
const bench = await startBench({ members, full: false });
try {
  const rounds: Killed[] = [];
  for (let round = 1; round <= times && !enough; round++) {
    const { least, most } = writesBefore;
    const writes = least + integer(random, most - least + 1);
    const killed = await killUnderLoad(bench, { name: `kill-${round}`, writers, writes });
    rounds.push(killed);
    console.log(`kill ${round}: ${JSON.stringify(killed)}`);
    await clear(bench);
  }
  const left = await leftBehind(bench);
  for (const name of left) console.log(`left behind: ${name}`);
  const rows = rowsOf(rounds, left);
  const command = `npm run kills -- --times ${rounds.length} --members ${members} --writers ${writers}`;
  if (values.record !== undefined) writeResult(values.record, resultOf(command, rows));
  for (const { what, ours } of rows) console.log(`${what}: ${JSON.stringify(ours)}`);
  process.exitCode = rows.every(({ reached }) => reached) ? 0 : 1;
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
} finally {
  await bench.stop();
}
