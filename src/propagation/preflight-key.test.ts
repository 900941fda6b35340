import assert from 'node:assert/strict';
import test from 'node:test';
import type { KubeObject } from '../kube/object.ts';
import { verdictKey } from './preflight-key.ts';

function deployment(name: string, change: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'web', labels: { app: name }, annotations: { note: name } },
    spec: { replicas: 1, selector: { matchLabels: { app: name } }, ...change },
  };
}

const key = (object: KubeObject, before?: KubeObject, cluster = 'a') =>
  verdictKey(cluster, object, before);

test('objects that differ only in the number in their name share a verdict', () => {
  assert.equal(key(deployment('web-1')), key(deployment('web-2')));
});

test('another word, another length, another namespace or cluster is asked for itself', () => {
  const web1 = deployment('web-1');
  const elsewhere = { ...web1, metadata: { ...web1.metadata, namespace: 'other' } };
  const others = [deployment('bad-1'), deployment('web-10'), deployment('web'), elsewhere];
  const keys = [web1, ...others].map((object) => key(object));
  assert.equal(new Set([...keys, key(web1, undefined, 'b')]).size, 6);
});

test('any other difference counts, so does a label or selector that is not the own name', () => {
  const web2 = { app: 'web-2' };
  const others = [
    deployment('web-1', { replicas: 2 }),
    deployment('web-1', { selector: { matchLabels: web2 } }),
    deployment('web-1', { paused: true }),
  ];
  const keys = [deployment('web-1'), ...others].map((object) => key(object));
  assert.equal(new Set(keys).size, 4);
});

test('an update hangs on what stood there before', () => {
  const now = deployment('web-1', { selector: { matchLabels: { app: 'x' } } });
  const same = key(now, deployment('web-1', { selector: { matchLabels: { app: 'x' } } }));
  const changed = key(now, deployment('web-1'));
  assert.equal(new Set([key(now), same, changed]).size, 3);
});
