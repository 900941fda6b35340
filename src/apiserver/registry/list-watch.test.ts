import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { World } from './world.fixture.ts';

const path = '/v1/configmaps';

/** One user operation; names and labels are few, so that they meet. */
type Step =
  | { readonly do: 'create' | 'label' | 'delete'; readonly name: string; readonly label: string }
  | { readonly do: 'list' | 'restart' };

const name = fc.constantFrom('a', 'b', 'c', 'd');
const label = fc.constantFrom('1', '2');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('create', 'label', 'delete'), name, label }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('list') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
);

interface Listed {
  readonly version: string;
  readonly state: Map<string, string>;
}

/** What a client keeps: name → resourceVersion. */
async function listed(world: World, selection: object): Promise<Listed> {
  const state = new Map<string, string>();
  let token: string | undefined;
  let version = '';
  do {
    const more = token === undefined ? {} : { continue: token };
    const page = await world.list(path, { ...selection, limit: 2, ...more });
    for (const item of page.items) state.set(item.name, item.resourceVersion);
    version = page.resourceVersion;
    token = page.continue;
  } while (token !== undefined);
  return { version, state };
}

for (const selection of [{}, { labels: 'x=1' }, { fields: 'metadata.name=a' }])
  test(`a watch from any list leads to any later list (${JSON.stringify(selection)})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = await World.start();
        const lists: Listed[] = [await listed(world, selection)];
        for (const one of steps) await perform(world, one, { lists, selection });
        const last = await listed(world, selection);
        for (const { version, state } of lists) {
          const watch = await world.watch(path, { ...selection, resourceVersion: version });
          await watch.lines();
          let before = BigInt(version);
          for (const event of watch.events) {
            assert.ok('item' in event);
            const { item } = event;
            assert.ok(BigInt(item.resourceVersion) > before);
            before = BigInt(item.resourceVersion);
            assert.equal(
              state.has(item.name),
              event.type !== 'ADDED',
              `${event.type} ${item.name}`,
            );
            if (event.type === 'DELETED') state.delete(item.name);
            else state.set(item.name, item.resourceVersion);
          }
          watch.stop();
          assert.deepEqual(new Map([...state].sort()), last.state);
        }
      }),
      { numRuns: 40 },
    );
  });

async function perform(
  world: World,
  one: Step,
  { lists, selection }: { lists: Listed[]; selection: object },
): Promise<void> {
  switch (one.do) {
    case 'create':
      await world.configMap(one.name, { labels: { x: one.label } }).catch(() => {});
      return;
    case 'label': {
      const patch = { metadata: { labels: { x: one.label } } };
      await world.patch(world.ref(path, one.name), patch).catch(() => {});
      return;
    }
    case 'delete':
      await world.delete(world.ref(path, one.name)).catch(() => {});
      return;
    case 'list':
      lists.push(await listed(world, selection));
      return;
    case 'restart':
      await world.open();
      return;
    default:
  }
}
