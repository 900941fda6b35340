/** Random concurrent histories, compared with a model that keeps every state there ever was. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { StepClock } from '../base/clock.ts';
import {
  type Change,
  CompactedError,
  type Entry,
  type Operation,
  PreconditionError,
  type RecoverableStore,
  type Store,
} from './store.ts';

export interface Opened {
  readonly store: RecoverableStore;
  readonly clock: StepClock;
  /** Closes the store and opens it again with what it kept. */
  readonly reopen: () => Promise<RecoverableStore>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export interface AcceptanceOptions {
  /** Opens an empty store on a new StepClock. */
  readonly open: (limits?: { readonly watchBufferChangesMax: number }) => Promise<Opened>;
  /** How many random histories are compared with the model. */
  readonly histories: number;
}

/** An entry or a change as comparable text. */
export function show(entry: Entry | undefined): string {
  if (entry === undefined) return '-';
  return `${entry.key}=${entry.value} c${entry.createRevision} m${entry.modRevision}`;
}

export function showChange({ key, revision, entry, previous }: Change): string {
  return `${revision} ${key}: ${show(previous)} -> ${show(entry)}`;
}

type State = ReadonlyMap<string, Entry>;

/** Every state by its revision, and every change. */
class Model {
  readonly states: State[] = [new Map()];
  readonly changes: Change[] = [];

  get now(): State {
    return this.states.at(-1)!;
  }

  apply(operations: readonly Operation[]): void {
    const revision = this.states.length;
    const state = new Map(this.now);
    for (const operation of operations) {
      const key = 'put' in operation ? operation.put : operation.delete;
      const previous = state.get(key);
      assert.ok(holds(operation, this.now), `${key} was not at the expected revision`);
      if ('put' in operation) {
        const { value } = operation;
        const createRevision = previous?.createRevision ?? revision;
        const entry = { key, value, createRevision, modRevision: revision };
        state.set(key, entry);
        this.changes.push({ key, revision, entry, previous });
      } else if (previous !== undefined) {
        state.delete(key);
        this.changes.push({ key, revision, entry: undefined, previous });
      }
    }
    this.states.push(state);
  }
}

function holds(operation: Operation, state: State): boolean {
  const key = 'put' in operation ? operation.put : operation.delete;
  return operation.expect === undefined || operation.expect === (state.get(key)?.modRevision ?? 0);
}

const keys = ['a', 'a/1', 'a/2', 'b/1', 'b/\u{1f600}', 'b/\uffee'];
const prefixes = ['', 'a', 'a/', 'b/', 'c'];

/**
 * An operation whose `expect` is chosen when the model is known: right, wrong, absent or "must not
 * exist".
 */
interface Draft {
  readonly key: string;
  readonly put: boolean;
  readonly expect: 'right' | 'wrong' | 'none' | 'absent';
}

type Step =
  | { readonly commits: readonly (readonly Draft[])[] }
  | { readonly compact: number }
  | { readonly page: string; readonly at: number; readonly limit: number }
  | { readonly reopen: true };

const draft: fc.Arbitrary<Draft> = fc.record({
  key: fc.constantFrom(...keys),
  put: fc.boolean(),
  expect: fc.constantFrom('right', 'wrong', 'none', 'absent'),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      commits: fc.array(fc.uniqueArray(draft, { selector: ({ key }) => key, maxLength: 4 }), {
        minLength: 1,
        maxLength: 6,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ compact: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      page: fc.constantFrom(...prefixes),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ reopen: true as const }) },
);

export function storeModelAcceptance({ open, histories }: AcceptanceOptions): void {
  it('agrees with a model that keeps every state, over random concurrent histories', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using opened = await open();
        const model = new Model();
        let { store } = opened;
        let heard = listen(store);
        let told = 0;
        for (const next of steps) {
          if ('commits' in next) await commitAll(store, model, next.commits);
          else if ('compact' in next)
            await store.compact(Math.floor(next.compact * store.revision));
          else if ('page' in next) await comparePages(store, model, next);
          else {
            store = await opened.reopen();
            told = model.changes.length;
            heard = listen(store);
          }
          assert.equal(store.revision, model.states.length - 1);
          assert.deepEqual(heard, model.changes.slice(told).map(showChange));
        }
        await compareWatches(store, model);
      }),
      { numRuns: histories },
    );
  });
}

function listen(store: Store): string[] {
  const heard: string[] = [];
  store.subscribe((changes) => void heard.push(...changes.map(showChange)));
  return heard;
}

/**
 * Commits concurrently; what succeeded must be possible in the order of revisions, what failed at
 * some moment.
 */
async function commitAll(
  store: Store,
  model: Model,
  drafts: readonly (readonly Draft[])[],
): Promise<void> {
  const before = model.states.length - 1;
  const commits = drafts.map((commit, i) => commit.map((one) => operation(one, model.now, i)));
  const outcomes = await Promise.all(
    commits.map((operations) =>
      store.commit(operations).then(
        (revision) => ({ operations, revision }),
        (error: unknown) => ({ operations, error }),
      ),
    ),
  );
  const done = outcomes.flatMap((outcome) => ('revision' in outcome ? [outcome] : []));
  for (const { operations, revision } of done.sort((a, b) => a.revision - b.revision)) {
    assert.equal(revision, model.states.length);
    model.apply(operations);
  }
  for (const outcome of outcomes) {
    if (!('error' in outcome)) continue;
    const { error, operations } = outcome;
    assert.ok(error instanceof PreconditionError, String(error));
    const possible = model.states
      .slice(before)
      .some(
        (state) =>
          show(state.get(error.key)) === show(error.current) &&
          operations.some((one) => !holds(one, state)),
      );
    assert.ok(possible, `${error.key} never was ${show(error.current)}`);
  }
  await compareState(store, model);
}

function operation({ key, put, expect }: Draft, state: State, commit: number): Operation {
  const current = state.get(key)?.modRevision ?? 0;
  const expected = { right: current, wrong: current + 1, none: undefined, absent: 0 }[expect];
  if (!put) return { delete: key, expect: expected };
  return { put: key, value: Buffer.from(`${key}@${current}#${commit}`), expect: expected };
}

function inOrder(state: State, prefix: string): string[] {
  return [...state.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    .map(show);
}

async function compareState(store: Store, model: Model): Promise<void> {
  for (const key of keys) assert.equal(show(await store.get(key)), show(model.now.get(key)));
  const { entries, revision, more } = await store.range({ prefix: '' });
  assert.deepEqual(entries.map(show), inOrder(model.now, ''));
  assert.deepEqual([revision, more], [model.states.length - 1, false]);
}

async function comparePages(
  store: Store,
  model: Model,
  { page: prefix, at, limit }: { page: string; at: number; limit: number },
): Promise<void> {
  const revision = Math.floor(at * store.revision);
  if (revision < store.compacted) {
    await assert.rejects(store.range({ prefix, revision, limit }), CompactedError);
    return;
  }
  const expected = inOrder(model.states[revision]!, prefix);
  const seen: string[] = [];
  let start = prefix;
  for (let more = true; more; ) {
    const part = await store.range({ prefix, revision, limit, start });
    assert.equal(part.count, expected.length - seen.length);
    seen.push(...part.entries.map(show));
    assert.equal(part.more, seen.length < expected.length);
    more = part.more;
    start = `${part.entries.at(-1)?.key ?? prefix}\u0001`;
  }
  assert.deepEqual(seen, expected);
}

async function compareWatches(store: Store, model: Model): Promise<void> {
  for (const prefix of prefixes) {
    for (const after of [store.compacted, Math.ceil((store.compacted + store.revision) / 2)]) {
      const watch = store.watch({ prefix, after });
      const expected = model.changes.filter(
        ({ key, revision }) => revision > after && key.startsWith(prefix),
      );
      const seen: string[] = [];
      if (expected.length > 0) {
        for await (const changes of watch) {
          seen.push(...changes.map(showChange));
          if (changes.at(-1)!.revision === expected.at(-1)!.revision) break;
        }
      }
      watch.close();
      assert.deepEqual(seen, expected.map(showChange));
    }
  }
}
