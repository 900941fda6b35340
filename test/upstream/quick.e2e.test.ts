import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { readSet } from './specs.ts';
import { runSpecs } from './suite.ts';
import { federationOf } from './targets.ts';

/** A few of each sort that take seconds; `npm run conformance` runs all of them. */
const quick =
  /Watchers|server version|Discovery|Table transformation|typed object|FlowSchema|Certificates API/;

test('quick conformance specs of Kubernetes pass', async (t) => {
  if (!(await requireMembers(t, 'bare', 'upstream'))) return;
  const federation = await federationOf(1, { full: false });
  t.after(() => federation.stop());
  const names = readSet().passed.filter((name) => quick.test(name));
  assert.ok(names.length > 10, `only ${names.length} specs`);
  const results = await runSpecs({ kubeconfig: federation.kubeconfig, names, timeoutMinutes: 5 });
  const failed = results.filter(({ passed }) => !passed);
  assert.deepEqual(failed, [], federation.log());
});
