import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versions } from '../../testbed/versions.ts';
import { causes, readExceptions, readSet } from './specs.ts';

/** Specs of the set that were excepted when this was last changed: lower it, never raise it. */
const mostExceptions = 12;

test('the set belongs to the Kubernetes that the testbed runs', () => {
  assert.equal(versions.upstream, versions.kubernetes);
  assert.equal(readSet().kubernetes, versions.upstream, 'npm run conformance -- --real --write');
});

test('every exception is a spec of the set and names a cause of the closed list', () => {
  const passed = new Set(readSet().passed);
  const exceptions = Object.entries(readExceptions());
  for (const [name, cause] of exceptions) {
    assert.ok(passed.has(name), `${name} is no spec of the set`);
    assert.ok(Object.hasOwn(causes, cause), `${name}: ${cause} is no cause`);
  }
  assert.ok(exceptions.length <= mostExceptions, `${exceptions.length} exceptions`);
  const used = new Set<string>(exceptions.map(([, cause]) => cause));
  assert.deepEqual(
    Object.keys(causes).filter((cause) => !used.has(cause)),
    [],
    'unused causes',
  );
});
