/** Every check of the fuzzer, shown to see what it looks for: a fault of its kind is planted. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Dice } from '../../sim/dice.ts';
import type { ApiHandler, ApiResponse } from '../../src/apiserver/types.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { type FuzzReport, fuzzTarget } from './fuzz.ts';
import { canary, startTarget, type Target } from './target.ts';

let target: Target;

before(async () => {
  target = await startTarget(new Dice(new SeededRandom(1)));
});

after(() => target?.stop());

type Planting = (handler: ApiHandler) => ApiHandler;

/** Whoever asks gets the answer made otherwise. */
function answers(make: (response: ApiResponse) => ApiResponse): Planting {
  return (handler) => async (request) => make(await handler(request));
}

function refusals(make: (response: ApiResponse) => ApiResponse): Planting {
  return answers((response) => (response.status < 400 ? response : make(response)));
}

const logged: string[] = [];
const kept: Buffer[] = [];

const plants: Readonly<Record<string, Planting>> = {
  "another tenant's data": refusals((response) => ({ ...response, body: Buffer.from(canary) })),
  'a header warning with a line break': answers((response) => ({
    ...response,
    headers: { ...response.headers, warning: '299 - "a\r\nSet-Cookie: b"' },
  })),
  'an internal error': refusals((response) => ({
    ...response,
    status: 500,
    body: Buffer.from('{"kind":"Status","code":500}'),
  })),
  'an error that is no Status': refusals((response) => ({
    ...response,
    body: Buffer.from('<html>no</html>'),
  })),
  'the handler threw': refusals(() => {
    throw new TypeError('undefined is no function');
  }),
  'no answer': (handler) => async (request) => {
    const response = await handler(request);
    return response.status === 404 ? new Promise(() => {}) : response;
  },
  'an error was logged': refusals((response) => {
    logged.push('a request failed unexpectedly');
    return response;
  }),
};

function run(fault: Partial<Target['federation']>, patienceMs = 60_000): Promise<FuzzReport> {
  const federation = { ...target.federation, ...fault };
  const options = { seed: 3, seconds: 0, requests: 200, patienceMs };
  return fuzzTarget({ ...target, federation, logged }, options, new Dice(new SeededRandom(3)));
}

test('without a fault nothing is found', async () => {
  const { findings, grownMiB } = await run({});
  assert.deepEqual(findings, []);
  assert.ok(grownMiB < 150, `${grownMiB} MiB`);
});

for (const [what, plant] of Object.entries(plants))
  test(`a planted fault is found: ${what}`, async () => {
    const handler = plant(target.federation.handler);
    const { findings } = await run({ handler }, what === 'no answer' ? 300 : 60_000);
    assert.ok(
      findings.some((finding) => finding.startsWith(`${what}\n`)),
      findings.map((finding) => finding.slice(0, 200)).join('\n'),
    );
  });

test('a planted fault is found: what is asked stays in memory', async () => {
  const { grownMiB } = await run({
    handler: (request) => {
      kept.push(Buffer.alloc(1024 * 1024));
      return target.federation.handler(request);
    },
  });
  kept.length = 0;
  assert.ok(grownMiB > 150, `${grownMiB} MiB`);
});

test('a planted fault is found: a member that is well again is not written to', async () => {
  const { units } = target.federation.propagation;
  const blind = Object.create(units, { get: { value: () => undefined } });
  const propagation = Object.create(target.federation.propagation, { units: { value: blind } });
  const { findings } = await run({ propagation }, 500);
  assert.ok(
    findings.some((each) => each.startsWith('a member that is well again')),
    `${findings}`,
  );
});
