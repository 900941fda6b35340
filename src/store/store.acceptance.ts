/** What every store must do: run by each implementation's test. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Change,
  CompactedError,
  FutureRevisionError,
  LeaseExpiredError,
  PreconditionError,
  SlowWatcherError,
  type Store,
} from './store.ts';
import {
  type AcceptanceOptions,
  show,
  showChange,
  storeModelAcceptance,
} from './store-model.acceptance.ts';

export function storeAcceptance(name: string, options: AcceptanceOptions): void {
  describe(`${name} store`, () => {
    commits(options);
    ranges(options);
    watches(options);
    compaction(options);
    leases(options);
    restarts(options);
    storeModelAcceptance(options);
  });
}

const bytes = (text: string): Buffer => Buffer.from(text);

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return (await store.range({ prefix })).entries.map((entry) => entry.key);
}

/** Reads a watch until it delivered `count` changes. */
async function take(watch: AsyncIterable<readonly Change[]>, count: number): Promise<string[]> {
  const seen: string[] = [];
  if (count === 0) return seen;
  for await (const changes of watch) {
    seen.push(...changes.map(showChange));
    if (seen.length >= count) break;
  }
  return seen;
}

async function all(watch: AsyncIterable<readonly Change[]>): Promise<(readonly Change[])[]> {
  const batches: (readonly Change[])[] = [];
  for await (const changes of watch) batches.push(changes);
  return batches;
}

function commits({ open }: AcceptanceOptions): void {
  it('starts empty at revision 0', async () => {
    await using opened = await open();
    assert.equal(opened.store.revision, 0);
    assert.equal(await opened.store.get('a'), undefined);
    assert.deepEqual(await opened.store.range({ prefix: '' }), {
      entries: [],
      revision: 0,
      more: false,
      count: 0,
    });
  });

  it('gives a key the revisions of its creation and of its last write', async () => {
    await using opened = await open();
    const { store } = opened;
    assert.equal(await store.commit([{ put: 'a', value: bytes('1') }]), 1);
    assert.equal(await store.commit([{ put: 'a', value: bytes('2'), expect: 1 }]), 2);
    assert.equal(show(await store.get('a')), 'a=2 c1 m2');
    assert.equal(await store.commit([{ delete: 'a', expect: 2 }]), 3);
    assert.equal(await store.get('a'), undefined);
    assert.equal(await store.commit([{ put: 'a', value: bytes('3'), expect: 0 }]), 4);
    assert.equal(show(await store.get('a')), 'a=3 c4 m4');
  });

  it('keeps empty and binary values byte for byte', async () => {
    await using opened = await open();
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await opened.store.commit([
      { put: 'all', value: every },
      { put: 'empty', value: Buffer.alloc(0) },
      { put: 'big', value: Buffer.alloc(1_500_000, 7) },
    ]);
    await opened.reopen().then(async (store) => {
      assert.deepEqual((await store.get('all'))?.value, every);
      assert.deepEqual((await store.get('empty'))?.value, Buffer.alloc(0));
      assert.deepEqual((await store.get('big'))?.value, Buffer.alloc(1_500_000, 7));
    });
  });

  it('writes all operations of a commit under one revision, or none of them', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit([
      { put: 'a', value: bytes('1') },
      { put: 'b', value: bytes('1') },
    ]);
    assert.equal((await store.get('b'))?.modRevision, 1);
    const failing = store.commit([
      { put: 'a', value: bytes('2') },
      { delete: 'b' },
      { put: 'c', value: bytes('2'), expect: 1 },
    ]);
    await assert.rejects(failing, PreconditionError);
    assert.equal(store.revision, 1);
    assert.deepEqual((await store.range({ prefix: '' })).entries.map(show), [
      'a=1 c1 m1',
      'b=1 c1 m1',
    ]);
  });

  it('tells what stands at the key whose precondition failed', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit([{ put: 'a', value: bytes('1') }]);
    const outcome = (operation: Parameters<Store['commit']>[0][number]) =>
      store.commit([operation]).catch((error: unknown) => {
        assert.ok(error instanceof PreconditionError);
        return `${error.key}: ${show(error.current)}`;
      });
    assert.equal(await outcome({ put: 'a', value: bytes('2'), expect: 0 }), 'a: a=1 c1 m1');
    assert.equal(await outcome({ delete: 'a', expect: 7 }), 'a: a=1 c1 m1');
    assert.equal(await outcome({ delete: 'b', expect: 1 }), 'b: -');
  });

  it('lets one of many writers win who expect the same revision', async () => {
    await using opened = await open();
    const { store } = opened;
    const values = Array.from({ length: 40 }, (_, i) => String(i));
    const outcomes = await Promise.allSettled(
      values.map((value) => store.commit([{ put: 'a', value: bytes(value), expect: 0 }])),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(store.revision, 1);
    const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
    assert.equal(show(await store.get('a')), `a=${won} c1 m1`);
  });

  it('gives a tick and the deletion of nothing a revision without changes', async () => {
    await using opened = await open();
    const { store } = opened;
    const heard: string[] = [];
    store.subscribe((changes, revision) => heard.push(`${revision}: ${changes.length}`));
    assert.equal(await store.commit([]), 1);
    assert.equal(await store.commit([{ delete: 'a' }]), 2);
    assert.equal(await store.commit([{ delete: 'a', expect: 0 }]), 3);
    assert.deepEqual(heard, ['1: 0', '2: 0', '3: 0']);
    assert.equal((await opened.reopen()).revision, 3);
  });

  it('refuses keys that it could not keep exactly and commits that write a key twice', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const key of ['', 'a\0b', '\ud800', 'x'.repeat(5000), '\u{10ffff}']) {
      await assert.rejects(store.commit([{ put: key, value: bytes('1') }]), /key/);
    }
    const twice = store.commit([{ put: 'a', value: bytes('1') }, { delete: 'a' }]);
    await assert.rejects(twice, /twice/);
    assert.equal(store.revision, 0);
  });

  it('tells listeners each commit in order, before its promise resolves', async () => {
    await using opened = await open();
    const { store } = opened;
    const order: string[] = [];
    const stop = store.subscribe((changes, revision) => {
      assert.equal(store.revision, revision);
      order.push(`heard ${revision} ${changes.map((change) => change.key).join()}`);
    });
    await Promise.all(
      ['a', 'b', 'c'].map(async (put) => {
        const revision = await store.commit([{ put, value: bytes('1') }]);
        order.push(`resolved ${revision}`);
      }),
    );
    for (const revision of [1, 2, 3]) {
      const heard = order.findIndex((line) => line.startsWith(`heard ${revision}`));
      assert.ok(heard >= 0 && heard < order.indexOf(`resolved ${revision}`), order.join('\n'));
    }
    assert.deepEqual(
      order.filter((line) => line.startsWith('heard')),
      ['heard 1 a', 'heard 2 b', 'heard 3 c'],
    );
    stop();
    await store.commit([{ put: 'd', value: bytes('1') }]);
    assert.equal(order.length, 6);
  });

  it('tells every listener the same order when a listener commits', async () => {
    await using opened = await open();
    const { store } = opened;
    const nested: Promise<number>[] = [];
    const first: number[] = [];
    const second: number[] = [];
    store.subscribe((_, revision) => {
      first.push(revision);
      if (revision === 1) nested.push(store.commit([{ put: 'b', value: bytes('1') }]));
    });
    store.subscribe((_, revision) => void second.push(revision));
    await store.commit([{ put: 'a', value: bytes('1') }]);
    assert.deepEqual(await Promise.all(nested), [2]);
    assert.deepEqual(
      [first, second],
      [
        [1, 2],
        [1, 2],
      ],
    );
  });

  it('can be read at once after a commit, also while others are on their way', async () => {
    await using opened = await open();
    const { store } = opened;
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        for (let round = 0; round < 5; round++) {
          const revision = await store.commit([{ put: `k${i}`, value: bytes(`${round}`) }]);
          const entry = await store.get(`k${i}`);
          assert.equal(show(entry), `k${i}=${round} c${entry?.createRevision} m${revision}`);
          const { entries, revision: read } = await store.range({ prefix: `k${i}`, limit: 1 });
          assert.equal(entries[0]?.modRevision, revision);
          assert.ok(read >= revision && read <= store.revision);
        }
      }),
    );
  });
}

function ranges({ open }: AcceptanceOptions): void {
  it('returns keys by their UTF-8 bytes', async () => {
    await using opened = await open();
    const { store } = opened;
    const keys = ['a', 'a/', 'a/b', 'a0', 'b', 'z\u{1f600}', 'z\uffee', 'z\ud7ff', 'é', 'Z', '~'];
    for (const put of keys) await store.commit([{ put, value: bytes('1') }]);
    const inOrder = keys.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)));
    assert.deepEqual(await keysOf(store, ''), inOrder);
    assert.deepEqual(await keysOf(store, 'a'), ['a', 'a/', 'a/b', 'a0']);
    assert.deepEqual(await keysOf(store, 'a/'), ['a/', 'a/b']);
    assert.deepEqual(await keysOf(store, 'z\ud7ff'), ['z\ud7ff']);
    assert.deepEqual(await keysOf(store, 'z'), ['z\ud7ff', 'z\uffee', 'z\u{1f600}']);
  });

  it('pages at the first page’s revision whatever is written between', async () => {
    await using opened = await open();
    const { store } = opened;
    const names = Array.from({ length: 25 }, (_, i) => `p/${String(i).padStart(2, '0')}`);
    await store.commit(names.map((put) => ({ put, value: bytes('old') })));
    const seen: string[] = [];
    let page = await store.range({ prefix: 'p/', limit: 10 });
    const { revision } = page;
    for (;;) {
      seen.push(...page.entries.map(show));
      await store.commit([
        { put: `p/${seen.length + 1}x`, value: bytes('new') },
        { put: names[seen.length] ?? 'q', value: bytes('new') },
        { delete: names[seen.length + 1] ?? 'q2' },
      ]);
      if (!page.more) break;
      const start = `${page.entries.at(-1)!.key}\u0001`;
      page = await store.range({ prefix: 'p/', limit: 10, start, revision });
      assert.equal(page.revision, revision);
    }
    assert.deepEqual(
      seen,
      names.map((name) => `${name}=old c1 m1`),
    );
  });

  it('counts what follows and says whether there is more', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit(['a', 'b', 'c', 'd'].map((put) => ({ put, value: bytes('1') })));
    await store.commit([{ delete: 'b' }]);
    const part = await store.range({ prefix: '', limit: 2 });
    assert.deepEqual([part.entries.length, part.more, part.count], [2, true, 3]);
    const rest = await store.range({ prefix: '', start: 'c', limit: 2 });
    assert.deepEqual([rest.entries.length, rest.more, rest.count], [2, false, 2]);
    const before = await store.range({ prefix: 'c', start: 'a' });
    assert.deepEqual([before.entries.length, before.more], [1, false]);
  });

  it('refuses a revision that does not exist yet', async () => {
    await using opened = await open();
    await assert.rejects(opened.store.range({ prefix: '', revision: 1 }), FutureRevisionError);
    await assert.rejects(opened.store.compact(1), FutureRevisionError);
  });
}

function watches({ open }: AcceptanceOptions): void {
  it('delivers history and then live changes without a gap or a duplicate', async () => {
    await using opened = await open();
    const { store } = opened;
    const expected: string[] = [];
    store.subscribe((changes) => {
      for (const change of changes) {
        if (change.key.startsWith('a/')) expected.push(showChange(change));
      }
    });
    const write = (i: number): Promise<number> =>
      store.commit([
        i % 5 === 4 ? { delete: `a/${i % 7}` } : { put: `a/${i % 7}`, value: bytes(`${i}`) },
        { put: `b/${i % 3}`, value: bytes(`${i}`) },
      ]);
    for (let i = 0; i < 30; i++) await write(i);
    const watch = store.watch({ prefix: 'a/', after: 0 });
    const late = store.watch({ prefix: 'a/', after: 30 });
    const pending = Array.from({ length: 30 }, (_, i) => write(30 + i));
    const seen: string[] = [];
    const done = (async () => {
      for await (const changes of watch) {
        seen.push(...changes.map(showChange));
        if (changes.some(({ revision }) => revision === 60)) break;
      }
    })();
    await Promise.all(pending);
    await done;
    assert.deepEqual(seen, expected);
    const after30 = expected.filter((line) => Number(line.split(' ')[0]) > 30);
    assert.deepEqual(await take(late, after30.length), after30);
  });

  it('delivers only keys under the prefix, a key itself included', async () => {
    await using opened = await open();
    const { store } = opened;
    const prefixes = ['', 'a', 'a/', 'a/b', 'a/b/c', 'b', 'zz'];
    const open_ = prefixes.map((prefix) => store.watch({ prefix, after: 0 }));
    const keys = ['a/b', 'a/b/c', 'a/bb', 'ab', 'b/', 'c'];
    for (const put of keys) await store.commit([{ put, value: bytes('1') }]);
    await store.commit(keys.map((put) => ({ put, value: bytes('2') })));
    for (const [i, prefix] of prefixes.entries()) {
      const matching = keys.filter((key) => key.startsWith(prefix));
      const seen = await take(open_[i]!, matching.length * 2);
      assert.deepEqual(
        seen.map((line) => line.split(' ')[1]),
        [...matching, ...matching].map((key) => `${key}:`),
      );
      open_[i]!.close();
    }
  });

  it('ends on close and with the store', async () => {
    await using opened = await open();
    const { store } = opened;
    const closed = store.watch({ prefix: '', after: 0 });
    closed.close();
    assert.equal((await all(closed)).length, 0);
    const ended = all(store.watch({ prefix: '', after: 0 }));
    await store.commit([{ put: 'a', value: bytes('1') }]);
    await store.close();
    assert.equal((await ended).flat().length, 1);
  });

  it('ends a watch that does not read, and no other', async () => {
    await using opened = await open({ watchBufferChangesMax: 10 });
    const { store } = opened;
    const slow = store.watch({ prefix: 'a', after: 0 });
    const other = store.watch({ prefix: 'b', after: 0 });
    for (let i = 0; i < 12; i++) await store.commit([{ put: 'a', value: bytes(`${i}`) }]);
    await store.commit([{ put: 'b', value: bytes('1') }]);
    await assert.rejects(take(slow, 12), SlowWatcherError);
    assert.equal((await take(other, 1)).length, 1);
    assert.equal((await take(store.watch({ prefix: 'a', after: 0 }), 12)).length, 12);
  });
}

function compaction({ open }: AcceptanceOptions): void {
  it('forgets history below the compacted revision and keeps the state', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit([
      { put: 'a', value: bytes('1') },
      { put: 'b', value: bytes('1') },
    ]);
    await store.commit([{ put: 'a', value: bytes('2') }]);
    await store.commit([{ delete: 'b' }]);
    await store.commit([{ put: 'a', value: bytes('4') }]);
    await store.compact(3);
    const check = async (now: Store): Promise<void> => {
      assert.equal(now.compacted, 3);
      assert.equal(now.revision, 4);
      await assert.rejects(now.range({ prefix: '', revision: 2 }), CompactedError);
      await assert.rejects(take(now.watch({ prefix: '', after: 2 }), 1), CompactedError);
      assert.deepEqual((await now.range({ prefix: '', revision: 3 })).entries.map(show), [
        'a=2 c1 m2',
      ]);
      assert.deepEqual(await take(now.watch({ prefix: '', after: 3 }), 1), [
        '4 a: a=2 c1 m2 -> a=4 c1 m4',
      ]);
      assert.equal(show(await now.get('a')), 'a=4 c1 m4');
    };
    await check(store);
    await store.compact(2);
    await check(await opened.reopen());
  });

  it('keeps the newest revision when everything is compacted', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit([{ put: 'a', value: bytes('1') }]);
    await store.commit([{ delete: 'a' }]);
    await store.commit([]);
    await store.compact(3);
    const again = await opened.reopen();
    assert.equal(again.revision, 3);
    assert.equal(await again.commit([{ put: 'a', value: bytes('2'), expect: 0 }]), 4);
    assert.equal(show(await again.get('a')), 'a=2 c4 m4');
  });

  it('never uses a number again after it advanced', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.commit([{ put: 'a', value: bytes('1') }]);
    const live = store.watch({ prefix: '', after: 1 });
    await store.advance(1000);
    await store.advance(10);
    assert.equal(store.revision, 1000);
    assert.equal(await store.commit([{ put: 'b', value: bytes('1') }]), 1001);
    assert.deepEqual(await take(live, 1), ['1001 b: - -> b=1 c1001 m1001']);
    const again = await opened.reopen();
    assert.equal(again.id, store.id);
    assert.deepEqual([again.revision, again.compacted], [1001, 1000]);
    assert.equal(show(await again.get('a')), 'a=1 c1 m1');
    await assert.rejects(take(again.watch({ prefix: '', after: 999 }), 1), CompactedError);
  });
}

function leases({ open }: AcceptanceOptions): void {
  it('deletes the keys of a lease in one commit when it ends', async () => {
    await using opened = await open();
    const { store, clock } = opened;
    const lease = await store.grantLease(1000);
    const watch = store.watch({ prefix: '', after: 0 });
    await store.commit([
      { put: 'a', value: bytes('1'), lease },
      { put: 'b', value: bytes('1'), lease },
      { put: 'c', value: bytes('1') },
    ]);
    clock.advance(999);
    assert.deepEqual(await keysOf(store, ''), ['a', 'b', 'c']);
    clock.advance(1);
    assert.deepEqual((await take(watch, 5)).slice(3), [
      '2 a: a=1 c1 m1 -> -',
      '2 b: b=1 c1 m1 -> -',
    ]);
    assert.deepEqual(await keysOf(store, ''), ['c']);
    await assert.rejects(store.renewLease(lease), LeaseExpiredError);
    const late = store.commit([{ put: 'a', value: bytes('2'), lease }]);
    await assert.rejects(late, LeaseExpiredError);
    assert.equal(store.revision, 2);
  });

  it('keeps the keys while the lease is renewed, and those that left it', async () => {
    await using opened = await open();
    const { store, clock } = opened;
    const lease = await store.grantLease(1000);
    const watch = store.watch({ prefix: 'b', after: 1 });
    await store.commit(['a', 'b'].map((put) => ({ put, value: bytes('1'), lease })));
    for (let i = 0; i < 5; i++) {
      clock.advance(900);
      await store.renewLease(lease);
    }
    await store.commit([{ put: 'a', value: bytes('2') }]);
    clock.advance(1000);
    assert.deepEqual(await take(watch, 1), ['3 b: b=1 c1 m1 -> -']);
    assert.deepEqual(await keysOf(store, ''), ['a']);
  });

  it('deletes the keys of a revoked lease before the promise resolves', async () => {
    await using opened = await open();
    const { store } = opened;
    const [lease, other] = [await store.grantLease(1000), await store.grantLease(1000)];
    await store.commit([{ put: 'a', value: bytes('1'), lease }]);
    await store.commit([{ put: 'a', value: bytes('2'), lease: other }]);
    await store.commit([{ put: 'b', value: bytes('1'), lease }]);
    await store.revokeLease(lease);
    assert.deepEqual(await keysOf(store, ''), ['a']);
    await store.revokeLease(lease);
    assert.equal(store.revision, 4);
  });

  it('begins the time of leases anew after a restart', async () => {
    await using opened = await open();
    const lease = await opened.store.grantLease(1000);
    await opened.store.commit([{ put: 'a', value: bytes('1'), lease }]);
    opened.clock.advance(600);
    const again = await opened.reopen();
    assert.notEqual(await again.grantLease(5000), lease);
    const watch = again.watch({ prefix: '', after: 1 });
    opened.clock.advance(600);
    assert.deepEqual(await keysOf(again, ''), ['a']);
    opened.clock.advance(400);
    assert.deepEqual(await take(watch, 1), ['2 a: a=1 c1 m1 -> -']);
  });
}

function restarts({ open }: AcceptanceOptions): void {
  it('keeps state, history and numbers over a restart', async () => {
    await using opened = await open();
    const { store } = opened;
    const live = store.watch({ prefix: '', after: 0 });
    for (let i = 0; i < 10; i++) {
      await store.commit([
        { put: `k${i % 3}`, value: bytes(`${i}`) },
        i % 4 === 3 ? { delete: 'x' } : { put: 'x', value: bytes(`${i}`) },
      ]);
    }
    const seen = await take(live, 20);
    const before = await store.range({ prefix: '', revision: 6 });
    const again = await opened.reopen();
    assert.deepEqual(await again.range({ prefix: '', revision: 6 }), before);
    assert.deepEqual(await take(again.watch({ prefix: '', after: 0 }), 20), seen);
    assert.equal(await again.commit([]), 11);
  });

  it('refuses work after it was closed', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.close();
    await store.close();
    await assert.rejects(store.get('a'), /closed/);
    await assert.rejects(store.commit([]), /closed/);
  });
}
