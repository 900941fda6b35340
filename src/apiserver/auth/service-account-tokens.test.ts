import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { StepClock } from '../../base/clock.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const issuer = 'https://here';

async function tokens(heard: string | undefined, current: string | undefined, aheadMs = 0) {
  const clock = new StepClock();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let asked = 0;
  const made = new ServiceAccountTokens({
    keys: [privateKey],
    issuer,
    audiences: [issuer],
    clock,
    accountUid: () => heard,
    currentUid: async () => {
      asked++;
      return current;
    },
  });
  const seconds = clock.now() / 1000;
  const account = { name: 'bot', uid: 'u1' };
  const token = await made.sign({
    iss: issuer,
    aud: [issuer],
    exp: seconds + 600,
    nbf: seconds + aheadMs / 1000,
    jti: 'j',
    'kubernetes.io': { namespace: 'team', serviceaccount: account },
  });
  return { verify: async () => made.verify(token), asked: () => asked };
}

test('an account may be used before the news of it has come', async () => {
  for (const heard of [undefined, 'u0']) {
    const { verify, asked } = await tokens(heard, 'u1');
    assert.equal((await verify())?.name, 'system:serviceaccount:team:bot');
    assert.equal(asked(), 1);
  }
});

test('nobody is asked about an account that is known', async () => {
  const { verify, asked } = await tokens('u1', undefined);
  assert.equal((await verify())?.name, 'system:serviceaccount:team:bot');
  assert.equal(asked(), 0);
});

test('tokens end with their account', async () => {
  const gone = await tokens(undefined, undefined);
  await assert.rejects(gone.verify(), { message: 'serviceaccounts "bot" not found' });
  const another = await tokens('u2', 'u2');
  await assert.rejects(another.verify(), /UID \(u2\) does not match claim \(u1\)/);
});

test('a clock that is set back after a token was made does not refuse it', async () => {
  for (const aheadMs of [1, 2000, 60_000]) {
    const { verify } = await tokens('u1', undefined, aheadMs);
    assert.equal((await verify())?.uid, 'u1', `${aheadMs} ms`);
  }
  const { verify } = await tokens('u1', undefined, 60_001);
  await assert.rejects(verify(), { message: 'service account token is not valid yet' });
});
