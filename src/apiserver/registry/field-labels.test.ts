import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldReaderOf } from './field-labels.ts';

test('requests of pods for certificates are selected by signer, pod and node', () => {
  const type = { group: 'certificates.k8s.io', resource: 'podcertificaterequests' };
  const read = fieldReaderOf(type)!;
  const object = { apiVersion: 'certificates.k8s.io/v1', kind: 'PodCertificateRequest' };
  const spec = { signerName: 'example.com/s', podName: 'p' };
  assert.deepEqual(read({ ...object, metadata: { name: 'r' }, spec }), {
    'spec.signerName': 'example.com/s',
    'spec.podName': 'p',
    'spec.nodeName': '',
  });
});
