import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TemplateIdentity } from '../api/records.ts';
import type { KubeObject } from '../kube/object.ts';
import { nextAction } from './action.ts';
import { Copy } from './copy.ts';
import { type Rendering, render } from './render.ts';

const identity: TemplateIdentity = {
  ...{ group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps' },
  ...{ namespace: 'default', name: 'a', uid: 'u' },
};

function rendered(labels: Record<string, string>): Rendering {
  const metadata = { name: 'a', namespace: 'default', uid: 'u', labels };
  const template = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v' } };
  return render({ template, identity, federation: 'fed', cluster: 'eu', share: {} });
}

/** As a member holds it after our write. */
function standing({ object }: Rendering, resourceVersion: string): KubeObject {
  const labels = Object.keys(object.metadata.labels!).map((label) => [`f:${label}`, {}]);
  const fieldsV1 = { 'f:metadata': { 'f:labels': Object.fromEntries(labels) } };
  const entry = { manager: 'ubernetes', operation: 'Update', apiVersion: 'v1', fieldsV1 } as const;
  const metadata = { ...object.metadata, uid: 'c', resourceVersion, managedFields: [entry] };
  return { ...object, metadata };
}

test('what a write of ours left whose answer was lost goes when it is wanted no more', () => {
  const copy = new Copy('eu');
  const first = rendered({});
  copy.observe(standing(first, '1'), 'fed');
  copy.written = first;
  copy.baseline = copy.live;
  // The second write arrived, its answer did not; the watch tells of it later.
  copy.observe(standing(rendered({ colour: 'red' }), '2'), 'fed');
  for (const wanted of [rendered({ shape: 'round' }), first]) {
    const action = nextAction(
      { kind: 'copy', templateUid: 'u', rendering: wanted, adopts: false },
      copy,
      () => undefined,
    );
    const { labels } = (action.do === 'patch' && action.patch['metadata']) as { labels: object };
    const shape = wanted === first ? {} : { shape: 'round' };
    assert.deepEqual(labels, { colour: null, ...shape });
  }
});
