/** What fuzzing has found, each with the seed that did. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceType } from '../../src/apiserver/handlers/memory-backend.fixture.ts';
import { withTypeMeta } from '../../src/apiserver/registry/prepare.ts';
import { secretDataCauses } from '../../src/apiserver/registry/secret-data.ts';
import { nameProblems } from '../../src/kube/name-syntax.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { isApiError } from '../../src/kube/status.ts';

test('found by seed 7: a patch that makes of the kind a number too large is a 400', () => {
  const object = { apiVersion: 'v1', kind: 9_007_199_254_740_992n, metadata: {} };
  const type = resourceType({ kind: 'Service', resource: 'services' });
  assert.throws(
    () => withTypeMeta(object as unknown as KubeObject, type),
    (error) => isApiError(error, 'BadRequest'),
  );
});

test('found by seed 7: names that no key of the store can hold are refused', () => {
  const type = { group: 'rbac.authorization.k8s.io', resource: 'rolebindings' };
  for (const name of ['\0', 'a\0b', '\ud800', 'x'.repeat(5000)])
    assert.equal(nameProblems(type, name).length, 1, JSON.stringify(name));
  assert.deepEqual(nameProblems(type, 'system:a b@ü'), []);
});

test('found by seed 8: the type of a Secret may be called as what objects inherit', () => {
  for (const type of ['__proto__', 'constructor', 'toString'])
    assert.deepEqual(
      secretDataCauses({ apiVersion: 'v1', kind: 'Secret', metadata: {}, type }),
      [],
    );
});
