import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Change } from './store.ts';
import { type HistoryPart, WatchHub } from './watch-hub.ts';

const change = (key: string, revision: number): Change => ({
  key,
  revision,
  entry: {
    key,
    value: Buffer.from(`${revision}`),
    createRevision: revision,
    modRevision: revision,
  },
  previous: undefined,
});

it('reads history piece by piece and misses nothing that is committed meanwhile', async () => {
  const log: Change[] = Array.from({ length: 10 }, (_, i) => change(`k${i % 2}`, i + 1));
  const history = (prefix: string, after: number, through: number): HistoryPart => {
    const reached = Math.min(through, after + 3);
    const part = log.filter(({ revision }) => revision > after && revision <= reached);
    return { changes: part.filter(({ key }) => key.startsWith(prefix)), reached };
  };
  const hub = new WatchHub({ revision: 10, history });
  const seen: number[] = [];
  for await (const changes of hub.watch({ prefix: 'k1', after: 0 })) {
    seen.push(...changes.map(({ revision }) => revision));
    for (let left = 2; left > 0 && log.length < 20; left--) {
      const next = change(`k${log.length % 2}`, log.length + 1);
      log.push(next);
      hub.deliver([next], next.revision);
    }
    if (seen.length === 10) break;
  }
  assert.deepEqual(
    seen,
    log.filter(({ key }) => key === 'k1').map(({ revision }) => revision),
  );
});

it('shares one list of changes among all watches of a prefix', async () => {
  const hub = new WatchHub({
    revision: 0,
    history: () => assert.fail('nobody asked for history'),
  });
  const watches = Array.from({ length: 3 }, () => hub.watch({ prefix: 'a/', after: 0 }));
  hub.deliver([change('a/1', 1), change('b/1', 1), change('a/2', 1)], 1);
  for (const watch of watches) {
    for await (const changes of watch) {
      assert.deepEqual(
        changes.map(({ key }) => key),
        ['a/1', 'a/2'],
      );
      break;
    }
  }
});

it('lets a watch that asks for a later revision wait for it', async () => {
  const hub = new WatchHub({ revision: 1, history: () => assert.fail('no history') });
  const watch = hub.watch({ prefix: '', after: 3 });
  for (let revision = 2; revision <= 5; revision++) hub.deliver([change('a', revision)], revision);
  for await (const changes of watch) {
    assert.deepEqual(
      changes.map(({ revision }) => revision),
      [4, 5],
    );
    break;
  }
});
