import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject, KubeObject } from '../../kube/object.ts';
import { refusal, World, writing } from './world.fixture.ts';

async function requested(spec: JsonObject, issued: JsonObject[]): Promise<KubeObject> {
  const world = await World.start({
    tokenSigner: {
      issuer: 'https://federation.test',
      audiences: ['https://federation.test'],
      sign: async (claims) => {
        issued.push(claims);
        return 'a.b.c';
      },
    },
  });
  await world.create('/v1/serviceaccounts', { metadata: { name: 'builder' } });
  const ref = world.ref('/v1/serviceaccounts', 'builder', 'default', 'token');
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const body = { object: request as unknown as KubeObject, problems: [] };
  const { item, created } = await world.api.registry.create(world.context, ref, body, writing);
  assert.equal(created, true);
  return item.object();
}

test('a token is bound to its service account and lives for an hour', async () => {
  const issued: JsonObject[] = [];
  const answer = await requested({}, issued);
  assert.deepEqual(answer['status'], {
    token: 'a.b.c',
    expirationTimestamp: '2026-01-01T01:00:00Z',
  });
  const { sub, aud, iss, exp, iat } = issued[0]!;
  assert.equal(sub, 'system:serviceaccount:default:builder');
  assert.deepEqual(aud, ['https://federation.test']);
  assert.equal(iss, 'https://federation.test');
  assert.equal(Number(exp) - Number(iat), 3600);
});

test('audiences and life can be asked for, within bounds', async () => {
  const issued: JsonObject[] = [];
  await requested({ audiences: ['vault'], expirationSeconds: 7200 }, issued);
  assert.deepEqual(issued[0]!['aud'], ['vault']);
  assert.equal(Number(issued[0]!['exp']) - Number(issued[0]!['iat']), 7200);
  assert.equal((await refusal(requested({ expirationSeconds: 60 }, issued))).code, 422);
  const missing = { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'none' } };
  assert.equal((await refusal(requested(missing, issued))).code, 404);
  const strange = { boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'c' } };
  assert.equal((await refusal(requested(strange, issued))).code, 400);
});
