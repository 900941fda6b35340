import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StepClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SeededRandom } from '../base/random.ts';
import type { User } from './backend.ts';
import { Bodies } from './bodies.ts';
import { Overload } from './fairness/seats.ts';
import { createHandler } from './handler.ts';
import { readBody } from './handlers/body.ts';
import { MemoryBackend, resourceType } from './handlers/memory-backend.fixture.ts';
import type { ApiRequest } from './types.ts';

const kibibyte = 1024;

function userOf(name: string): User {
  return { name, groups: ['system:authenticated'], extra: {} };
}

/** A request whose body comes as it is told to. */
class Slow {
  readonly ended = new AbortController();
  readonly request: ApiRequest;
  outcome: 'read' | 'refused' | 'broken' | undefined;
  #next = Promise.withResolvers<Buffer | undefined>();

  constructor(bodies: Bodies, user: string) {
    const { signal } = this.ended;
    const body = this.#chunks();
    this.request = { method: 'POST', path: '/', headers: {}, body, signal };
    void this.#read(bodies.counted(this.request, userOf(user)));
  }

  async send(chunk: Buffer | undefined): Promise<void> {
    this.#next.resolve(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #read(request: ApiRequest): Promise<void> {
    this.outcome = await readBody(request).then(
      () => 'read' as const,
      (error: unknown) => (error instanceof Overload ? 'refused' : 'broken'),
    );
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = await this.#next.promise;
      this.#next = Promise.withResolvers();
      if (chunk === undefined) return;
      yield chunk;
    }
  }
}

test('a user who sends many bodies at once is turned away; others are not', async () => {
  const bodies = new Bodies(400 * kibibyte);
  const greedy = Array.from({ length: 5 }, () => new Slow(bodies, 'greedy'));
  for (const each of greedy) await each.send(Buffer.alloc(30 * kibibyte));
  const outcomes = greedy.map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, [undefined, undefined, undefined, 'refused', 'refused']);
  const modest = new Slow(bodies, 'modest');
  await modest.send(Buffer.alloc(30 * kibibyte));
  await modest.send(undefined);
  assert.equal(modest.outcome, 'read');
  // Held until the request is over, since its object is in memory as long as that.
  assert.ok(bodies.held > 120 * kibibyte);
  for (const each of [...greedy, modest]) each.ended.abort();
  assert.equal(bodies.held, 0);
});

test('a body that comes byte by byte counts as what it costs', async () => {
  const bodies = new Bodies(4 * 64 * kibibyte);
  const slow = new Slow(bodies, 'slow');
  for (let i = 0; i < 256 && slow.outcome === undefined; i++) await slow.send(Buffer.from('x'));
  assert.equal(slow.outcome, 'refused');
  slow.ended.abort();
});

test('a body that takes far more when it is parsed counts as that', async () => {
  const bodies = new Bodies(4 * 1024 * kibibyte);
  const bodyOf = (item: string): Buffer => Buffer.from(`[${Array(50_000).fill(item)}]`);
  const braces = new Slow(bodies, 'braces');
  await braces.send(bodyOf('{}'));
  await braces.send(undefined);
  assert.equal(braces.outcome, 'refused');
  const text = new Slow(bodies, 'text');
  await text.send(bodyOf('"some text"'));
  await text.send(undefined);
  assert.equal(text.outcome, 'read');
  for (const each of [braces, text]) each.ended.abort();
  assert.equal(bodies.held, 0);
});

test('whatever comes and goes: nobody is above his share, all not above theirs, nothing is lost', async () => {
  const step = fc.record({ who: fc.nat(6), bytes: fc.nat(40), ends: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const most = 400 * kibibyte;
      const bodies = new Bodies(most);
      const open = new Map<number, Slow>();
      for (const { who, bytes, ends } of steps) {
        const slow = open.get(who) ?? new Slow(bodies, `user-${who}`);
        open.set(who, slow);
        await slow.send(Buffer.alloc(bytes * kibibyte));
        assert.ok(bodies.held <= most);
        if (!ends) continue;
        slow.ended.abort();
        open.delete(who);
      }
      for (const slow of open.values()) slow.ended.abort();
      assert.equal(bodies.held, 0);
    }),
    { numRuns: 50 },
  );
});

test('the answer is that of kube-apiserver to too many requests', async () => {
  const handler = createHandler({
    types: {
      lookup: () => resourceType({ kind: 'ConfigMap', resource: 'configmaps' }),
      backendFor: () => new MemoryBackend(),
    },
    nonResources: [],
    authenticate: async () => userOf('ada'),
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
    bodies: new Bodies(4 * kibibyte),
    clock: new StepClock(),
    random: new SeededRandom(1),
    log: silentLogger,
  });
  const body = (async function* () {
    yield Buffer.alloc(2 * kibibyte);
  })();
  const {
    status,
    headers,
    body: text,
  } = await handler({
    method: 'POST',
    path: '/api/v1/namespaces/default/configmaps',
    headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
    body,
    signal: new AbortController().signal,
  });
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], '1');
  assert.equal(String(text), 'Too many requests, please try again later.\n');
});
