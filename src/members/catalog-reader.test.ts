import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberTypes } from '../apiserver/catalog.ts';
import { StepClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { answer, failure, TinyApi } from '../client/tiny-api.ts';
import { CatalogReader, OpenapiDocuments } from './catalog-reader.ts';

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';

const nothing = { ...answer(200, {}), bytes: () => Promise.resolve(Buffer.alloc(0)) };

async function settle(): Promise<void> {
  for (let i = 0; i < 15; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Serves documents by path and hash, and discovery of their groups. */
class TypedMember {
  readonly api = new TinyApi([crds, apiServices]);
  readonly documents = new Map([
    ['api/v1', 'h1'],
    ['apis/apps/v1', 'h1'],
  ]);
  /** Paths that answer 503, as those of an aggregated server that is down. */
  readonly down = new Set<string>();
  /** Paths whose document is gone already: 200 and nothing. */
  readonly going = new Set<string>();
  discovery = 'APIGroupDiscoveryList';

  constructor() {
    this.api.intercept = ({ path }) => {
      const url = new URL(path, 'http://member');
      if (path === '/version') return answer(200, { gitVersion: 'v1.37.2' });
      if (path === '/api') return answer(200, { kind: this.discovery, items: [] });
      if (path === '/apis') {
        const items = [...this.documents.keys()].map((name) => ({ metadata: { name } }));
        return answer(200, { kind: this.discovery, items });
      }
      if (path === '/openapi/v3') {
        const entries = [...this.documents].map(([name, hash]) => [
          name,
          { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` },
        ]);
        entries.push(['evil', { serverRelativeURL: 'https://elsewhere/' }]);
        return answer(200, { paths: Object.fromEntries(entries) });
      }
      if (url.pathname.startsWith('/openapi/v3/')) {
        const name = url.pathname.slice('/openapi/v3/'.length);
        if (this.down.has(name)) return failure(503, 'ServiceUnavailable');
        if (this.going.has(name)) return nothing;
        return answer(200, { document: name, hash: url.searchParams.get('hash') });
      }
      return undefined;
    };
  }

  fetched(): string[] {
    const seen = this.api.requests.filter((one) => one.startsWith('GET /openapi/v3/'));
    this.api.requests.length = 0;
    return seen.map((one) => one.slice('GET /openapi/v3/'.length)).sort();
  }
}

function read(member: TypedMember, clock: StepClock, documents = new OpenapiDocuments()) {
  const seen: MemberTypes[] = [];
  const reader = new CatalogReader({
    client: new RestClient(member.api, { userAgent: 'test' }),
    clock,
    random: new SeededRandom(1),
    documents,
    onTypes: (types) => {
      seen.push(types);
    },
  });
  return { reader, seen };
}

async function run(clock: StepClock, ms: number): Promise<void> {
  await settle();
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50);
    await settle();
  }
}

test('types are handed over once, and again only when something is new', async () => {
  const member = new TypedMember();
  const clock = new StepClock();
  const { reader, seen } = read(member, clock);
  reader.start();
  await run(clock, 100);
  assert.equal(seen.length, 1);
  assert.deepEqual([...seen[0]!.openapiV3.keys()], ['api/v1', 'apis/apps/v1']);
  assert.equal(seen[0]!.version, 'v1.37.2');
  assert.deepEqual(member.fetched(), ['api/v1?hash=h1', 'apis/apps/v1?hash=h1']);
  await run(clock, 700_000);
  assert.equal(seen.length, 1);
  assert.deepEqual(member.fetched(), []);
  await reader.stop();
});

test('a new CRD is looked at until its document is there, and only that is fetched', async () => {
  const member = new TypedMember();
  const clock = new StepClock();
  const { reader, seen } = read(member, clock);
  reader.start();
  await run(clock, 100);
  member.fetched();
  member.api.put(crds, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
  });
  await run(clock, 700);
  assert.equal(seen.length, 1);
  member.documents.set('apis/example.com/v1', 'h7');
  await run(clock, 3000);
  assert.equal(seen.length, 2);
  assert.ok(seen[1]!.openapiV3.has('apis/example.com/v1'));
  assert.deepEqual(member.fetched(), ['apis/example.com/v1?hash=h7']);
  await reader.stop();
});

test('members with equal documents hold and fetch them once', async () => {
  const [one, two] = [new TypedMember(), new TypedMember()];
  two.documents.set('apis/apps/v1', 'other');
  const clock = new StepClock();
  const documents = new OpenapiDocuments();
  const first = read(one, clock, documents);
  const second = read(two, clock, documents);
  first.reader.start();
  await run(clock, 100);
  second.reader.start();
  await run(clock, 100);
  assert.deepEqual(two.fetched(), ['apis/apps/v1?hash=other']);
  assert.equal(first.seen[0]!.openapiV3.get('api/v1'), second.seen[0]!.openapiV3.get('api/v1'));
  assert.equal(documents.size, 3);
  await first.reader.stop();
  assert.equal(documents.size, 2);
  await second.reader.stop();
  assert.equal(documents.size, 0);
});

test('an aggregated server that is down takes only its own document along', async () => {
  const member = new TypedMember();
  member.down.add('apis/apps/v1');
  const clock = new StepClock();
  const { reader, seen } = read(member, clock);
  reader.start();
  await run(clock, 100);
  assert.deepEqual([...seen[0]!.openapiV3.keys()], ['api/v1']);
  await reader.stop();
});

test('the document of a group that goes just now is none', async () => {
  const member = new TypedMember();
  member.going.add('apis/apps/v1');
  const clock = new StepClock();
  const { reader, seen } = read(member, clock);
  reader.start();
  await run(clock, 100);
  assert.deepEqual([...seen[0]!.openapiV3.keys()], ['api/v1']);
  await reader.stop();
});

test('a member that is away, or too old, is asked again with growing patience', async () => {
  const member = new TypedMember();
  member.discovery = 'APIVersions';
  const clock = new StepClock();
  const { reader, seen } = read(member, clock);
  reader.start();
  await run(clock, 60_000);
  assert.equal(seen.length, 0);
  const tries = member.api.requests.filter((one) => one === 'GET /version').length;
  assert.ok(tries >= 4 && tries < 15, `${tries} tries in a minute`);
  member.discovery = 'APIGroupDiscoveryList';
  reader.restart();
  await run(clock, 100);
  assert.equal(seen.length, 1);
  await reader.stop();
});
