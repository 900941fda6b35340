/** An API over a memory store with a client of its own, for what acts on it from within. */
import { createHandler } from '../apiserver/handler.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { settled, World } from '../apiserver/registry/world.fixture.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';

export async function ownApi(options: Parameters<typeof World.start>[0] = {}) {
  const world = await World.start(options);
  const { clock, store } = world;
  const random = new SeededRandom(3);
  const handler = createHandler({
    types: world.api.typeSource,
    nonResources: world.api.nonResources,
    authenticate: async () => undefined,
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) } as never,
    clock,
    random,
    log: silentLogger,
  });
  const user = { name: 'ubernetes', groups: ['system:masters'], extra: {} };
  const client = new RestClient(inProcessTransport(handler, user), { userAgent: 'test' });
  const types = () => world.api.catalog.list();
  return { world, store, client, types, clock, random, log: silentLogger };
}

/** Lets time pass until it is so. */
export async function until(world: World, done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await done()) return;
    await settled();
    world.clock.advance(100);
  }
  throw new Error('it did not come to be');
}
