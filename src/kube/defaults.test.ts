import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDefaults } from './defaults.ts';
import type { JsonObject, KubeObject } from './object.ts';
import { usesLatestImage } from './recorded-defaults.ts';
import { fixtureSchemas } from './schema.fixture.ts';

const schemas = fixtureSchemas();
const thing = schemas.lookup('example.com', 'v1', 'Thing')!;
const deployment = schemas.lookup('apps', 'v1', 'Deployment')!;

function native(spec: JsonObject): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec };
}

test('a Deployment gets what clients dereference', () => {
  const containers = [{ name: 'c', image: 'app', ports: [{ containerPort: 80 }] }];
  const filled = applyDefaults(deployment, native({ template: { spec: { containers } } }));
  assert.deepEqual(filled.spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: {
      metadata: {},
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
        containers: [
          {
            name: 'c',
            image: 'app',
            imagePullPolicy: 'Always',
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
          },
        ],
      },
    },
  });
});

test('what was said stays, and a condition looks at it', () => {
  const spec = {
    replicas: 0,
    strategy: { type: 'Recreate' },
    template: { spec: { containers: [] } },
  };
  const filled = applyDefaults(deployment, native(spec)).spec as JsonObject;
  assert.equal(filled.replicas, 0);
  assert.deepEqual(filled.strategy, { type: 'Recreate' });
});

test('an object that lacks nothing is returned itself', () => {
  const filled = applyDefaults(deployment, native({ template: { spec: { containers: [] } } }));
  assert.equal(applyDefaults(deployment, filled), filled);
});

test('a custom kind gets what its schema declares, below objects that are there', () => {
  const object = (spec: JsonObject): KubeObject => ({
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'x' },
    spec,
  });
  const filled = applyDefaults(thing, object({ ports: [{ port: 1 }], inner: { deep: {} } }));
  assert.deepEqual(filled.spec, {
    mode: 'A',
    ports: [{ port: 1, protocol: 'TCP' }],
    inner: { deep: { protocol: 'TCP' } },
  });
  assert.deepEqual(applyDefaults(thing, object({})).spec, { mode: 'A' });
});

test('an image without a tag, or with latest, is pulled anew', () => {
  const latest = ['app', 'app:latest', 'host:5000/app', 'a.b/c/app'];
  const fixed = ['app:v1', 'host:5000/app:v1', 'app@sha256:abc', 'app:latest@sha256:abc'];
  for (const image of latest) assert.equal(usesLatestImage(image), true, image);
  for (const image of fixed) assert.equal(usesLatestImage(image), false, image);
});
