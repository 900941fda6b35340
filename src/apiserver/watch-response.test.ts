import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import type { KubeObject } from '../kube/object.ts';
import { ApiError } from '../kube/status.ts';
import { authenticator } from './auth/authenticate.ts';
import { FrameCache } from './frame-cache.ts';
import { createHandler } from './handler.ts';
import { itemOf, MemoryBackend, resourceType } from './handlers/memory-backend.fixture.ts';
import type { ApiHandler } from './types.ts';

const type = resourceType({ kind: 'ConfigMap', resource: 'configmaps' });
const path = '/api/v1/namespaces/default/configmaps';

let backend: MemoryBackend;
let clock: StepClock;
let handler: ApiHandler;

beforeEach(() => {
  backend = new MemoryBackend();
  clock = new StepClock();
  handler = createHandler({
    types: { lookup: () => type, backendFor: () => backend },
    nonResources: [],
    authenticate: authenticator({ tokens: [] }),
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
  });
});

interface Event {
  readonly type: string;
  readonly object: KubeObject & { readonly rows?: { cells: unknown[] }[]; columnDefinitions?: [] };
}

class Watching {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #abort: AbortController;
  #waiting: Event[] = [];

  constructor(body: AsyncIterable<Buffer>, abort: AbortController) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#abort = abort;
  }

  async chunk(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    return done ? undefined : (value as Buffer);
  }

  /** The next event, or undefined when the stream has ended. */
  async next(): Promise<Event | undefined> {
    if (this.#waiting.length === 0) {
      const chunk = await this.chunk();
      if (chunk === undefined) return undefined;
      this.#waiting = chunk
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Event);
    }
    return this.#waiting.shift();
  }

  abort(): void {
    this.#abort.abort();
  }
}

async function watch(query: string, accept = 'application/json'): Promise<Watching> {
  const abort = new AbortController();
  const response = await handler({
    method: 'GET',
    path: `${path}?watch=true&${query}`,
    headers: { accept },
    body: undefined,
    signal: abort.signal,
    user: { name: 'ada', groups: [], extra: {} },
  });
  assert.equal(response.status, 200);
  assert.equal(response.endless, true);
  assert.ok(!Buffer.isBuffer(response.body));
  return new Watching(response.body, abort);
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
}

/** Lets what was pushed reach the reader's side before time moves on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('events come in order, as the exact bytes of their items', async () => {
  const watching = await watch('resourceVersion=100');
  const item = backend.put(configMap('a'));
  assert.equal(
    (await watching.chunk())?.toString('utf8'),
    `{"type":"ADDED","object":${item.bytes.toString('utf8')}}\n`,
  );
  backend.put(configMap('a'));
  assert.equal((await watching.next())?.type, 'MODIFIED');
  watching.abort();
  assert.equal(await watching.next(), undefined);
  assert.equal(backend.watchers.size, 0);
});

test('a watch from nowhere begins with what exists', async () => {
  backend.put(configMap('a'));
  const watching = await watch('allowWatchBookmarks=true');
  assert.equal((await watching.next())?.object.metadata.name, 'a');
  const bookmark = await watching.next();
  assert.equal(bookmark?.type, 'BOOKMARK');
  assert.deepEqual(bookmark?.object, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      resourceVersion: '101',
      annotations: { 'k8s.io/initial-events-end': 'true' },
    },
  });
  watching.abort();
});

test('bookmarks that were not asked for are kept back', async () => {
  const watching = await watch('resourceVersion=0');
  backend.put(configMap('a'));
  assert.equal((await watching.next())?.type, 'ADDED');
  watching.abort();
  assert.equal(await watching.next(), undefined);
});

test('an idle watch gets a bookmark about every minute, at the last revision it saw', async () => {
  const watching = await watch('resourceVersion=100&allowWatchBookmarks=true');
  const first = watching.next();
  await settle();
  clock.advance(67_000);
  assert.equal((await first)?.object.metadata.resourceVersion, '100');
  backend.put(configMap('a'));
  assert.equal((await watching.next())?.type, 'ADDED');
  const second = watching.next();
  await settle();
  clock.advance(67_000);
  const bookmark = await second;
  assert.equal(bookmark?.type, 'BOOKMARK');
  assert.equal(bookmark?.object.metadata.resourceVersion, '101');
  watching.abort();
});

test('a watch ends when its time is up, asked for or not', async () => {
  const short = await watch('resourceVersion=100&timeoutSeconds=5');
  const long = await watch('resourceVersion=100');
  const ended = short.next();
  await settle();
  clock.advance(5000);
  assert.equal(await ended, undefined);
  assert.equal(backend.watchers.size, 1);
  const later = long.next();
  await settle();
  clock.advance(60 * 60_000);
  assert.equal(await later, undefined);
  assert.equal(backend.watchers.size, 0);
});

test('a failing stream ends with an ERROR event', async () => {
  const watching = await watch('resourceVersion=100');
  const [channel] = backend.watchers;
  channel?.close(new ApiError('Expired', 'gone'));
  const event = await watching.next();
  assert.equal(event?.type, 'ERROR');
  assert.equal(event?.object.code, 410);
  assert.equal(await watching.next(), undefined);
});

test('two watchers of one item share its frame', async () => {
  const one = await watch('resourceVersion=100');
  const two = await watch('resourceVersion=100');
  backend.put(configMap('a'));
  assert.equal(await one.chunk(), await two.chunk());
  one.abort();
  two.abort();
});

test('events that wait are written as one chunk', async () => {
  const watching = await watch('resourceVersion=100');
  const first = backend.put(configMap('a'));
  const second = backend.put(configMap('b'));
  const chunk = (await watching.chunk())?.toString('utf8') ?? '';
  assert.ok(chunk.includes(first.uid) && chunk.includes(second.uid));
  watching.abort();
});

test('a Table watch names its columns in the first event only', async () => {
  const watching = await watch(
    'resourceVersion=100',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
  );
  backend.put(configMap('a'));
  const first = await watching.next();
  assert.equal(first?.object.kind, 'Table');
  assert.ok(Array.isArray(first?.object.columnDefinitions));
  assert.equal(first?.object.rows?.[0]?.cells[0], 'a');
  backend.put(configMap('b'));
  const second = await watching.next();
  assert.equal(second?.object.columnDefinitions, null);
  assert.equal(second?.object.rows?.[0]?.cells[0], 'b');
  watching.abort();
});

test('a metadata watch cuts metadata out', async () => {
  const watching = await watch(
    'resourceVersion=100&allowWatchBookmarks=true',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  );
  backend.put({ ...configMap('a'), data: { k: 'v' } });
  const event = await watching.next();
  assert.equal(event?.object.kind, 'PartialObjectMetadata');
  assert.equal(event?.object.data, undefined);
  backend.emit([{ type: 'BOOKMARK', resourceVersion: '200', initialEventsEnd: false }]);
  const bookmark = await watching.next();
  assert.equal(bookmark?.object.kind, 'PartialObjectMetadata');
  assert.equal(bookmark?.object.metadata.resourceVersion, '200');
  watching.abort();
});

test('the frame cache forgets the oldest frames above its limit', () => {
  const cache = new FrameCache(100);
  const items = Array.from({ length: 5 }, (_, i) => itemOf(configMap(`m${i}`), String(i)));
  for (const item of items) cache.keep(item, 'k', Buffer.alloc(40));
  assert.deepEqual(
    items.map((item) => cache.find(item, 'k') !== undefined),
    [false, false, false, true, true],
  );
});

test('the same frames are joined once for all watchers', () => {
  const cache = new FrameCache();
  const [one, two, three] = ['1', '2', '3'].map((text) => Buffer.from(text));
  const joined = cache.join([one!, two!], 2);
  assert.equal(joined.toString(), '12');
  assert.equal(cache.join([one!, two!], 2), joined);
  assert.equal(cache.join([one!, three!], 2).toString(), '13');
  for (let i = 0; i < 20; i++) cache.join([one!, Buffer.from(String(i))], 2);
  assert.notEqual(cache.join([one!, two!], 2), joined);
});
