/** What the writing process writes, and whether a store still has all that it was told to have. */
import type { Change, Entry, Operation, Store } from '../../src/store/store.ts';

/** How many commits are in flight at any time. */
export const writers = 24;

export interface Acknowledged {
  readonly writer: number;
  readonly number: number;
  readonly revision: number;
}

const key = (writer: number, part: string): string => `w/${writer}/${part}`;

/**
 * The n-th commit of a writer: three keys change together; the third is deleted by every third
 * commit.
 */
export function operationsOf(writer: number, number: number, expect: number): Operation[] {
  const third = key(writer, 'c');
  return [
    { put: key(writer, 'a'), value: bytesOf(number), expect },
    { put: key(writer, 'b'), value: bytesOf(number), expect },
    number % 3 === 0 ? { delete: third } : { put: third, value: bytesOf(number) },
  ];
}

/** Between 9 bytes and 6 KB, so that values fill parts of pages and several. */
function bytesOf(number: number): Buffer {
  const padding = (number * 2654435761) % (number % 10 === 0 ? 6000 : 900);
  return Buffer.from(`${number}:${'x'.repeat(padding)}`);
}

/** The number of the last commit of the writer that the store has, and its revision. */
export async function stateOf(
  store: Store,
  writer: number,
): Promise<{ number: number; revision: number }> {
  const entry = await store.get(key(writer, 'a'));
  return { number: numberOf(entry), revision: entry?.modRevision ?? 0 };
}

function numberOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : Number(entry.value.toString().split(':')[0]);
}

/** Reads the lines of the writing process; the last one may be cut off. */
export function parseAcknowledged(output: string): Acknowledged[] {
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(' ').map(Number))
    .map(([writer, number, revision]) => ({
      writer: writer!,
      number: number!,
      revision: revision!,
    }));
}

/**
 * Everything that is wrong with a store after a crash; `before` is each writer's number when the
 * process began.
 */
export async function violations(
  store: Store,
  acknowledged: readonly Acknowledged[],
  before: readonly number[],
): Promise<string[]> {
  const found: string[] = [];
  for (let writer = 0; writer < writers; writer++) {
    const last =
      acknowledged.findLast((one) => one.writer === writer)?.number ?? before[writer] ?? 0;
    const { number, revision } = await stateOf(store, writer);
    if (number < last) found.push(`writer ${writer}: ${last} was acknowledged, ${number} is there`);
    if (number > last + 1) found.push(`writer ${writer}: ${number} is there, sent was ${last + 1}`);
    const whole = operationsOf(writer, number, 0);
    for (const operation of number === 0 ? [] : whole) {
      const name = 'put' in operation ? operation.put : operation.delete;
      const entry = await store.get(name);
      const same =
        'put' in operation
          ? entry?.modRevision === revision && operation.value.equals(entry.value)
          : entry === undefined;
      if (!same) found.push(`${name} is not as commit ${number} left it`);
    }
  }
  return [...found, ...(await historyViolations(store, acknowledged))];
}

async function historyViolations(
  store: Store,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const found: string[] = [];
  const commits = await history(store);
  for (let revision = store.compacted + 1; revision <= store.revision; revision++) {
    const changes = commits.get(revision) ?? [];
    const number = numberOf(changes[0]?.entry);
    const writer = Number(changes[0]?.key.split('/')[1]);
    const expected = operationsOf(writer, number, 0).map((one) =>
      'put' in one ? one.put : one.delete,
    );
    const keys = changes.map((change) => change.key);
    const gone = number % 3 === 0 && changes.length === 2 ? expected.slice(0, 2) : expected;
    if (keys.join() !== gone.join()) found.push(`revision ${revision} is not whole: ${keys}`);
  }
  for (const { writer, number, revision } of acknowledged) {
    if (revision > store.revision) found.push(`revision ${revision} was acknowledged, it is gone`);
    if (revision <= store.compacted || revision > store.revision) continue;
    const change = commits.get(revision)?.find((one) => one.key === key(writer, 'a'));
    if (numberOf(change?.entry) !== number) {
      found.push(`revision ${revision} was commit ${number} of writer ${writer}, it is not`);
    }
  }
  return found;
}

/** The changes of each revision since the compacted one. */
async function history(store: Store): Promise<Map<number, Change[]>> {
  const commits = new Map<number, Change[]>();
  if (store.revision === store.compacted) return commits;
  for await (const changes of store.watch({ prefix: 'w/', after: store.compacted })) {
    for (const change of changes) {
      const commit = commits.get(change.revision);
      if (commit === undefined) commits.set(change.revision, [change]);
      else commit.push(change);
    }
    if ((changes.at(-1)?.revision ?? 0) >= store.revision) break;
  }
  return commits;
}
