import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TransportError } from '../client/transport.ts';
import { ApiError, type StatusReason, statusCodes } from '../kube/status.ts';
import { wordOf } from './preflight-word.ts';

const asked = { cluster: 'eu', taken: false };

function error(reason: StatusReason, message: string, details: object = {}): ApiError {
  return new ApiError(reason, message, { details });
}

test('only what is wrong with the object itself refuses', () => {
  const causes = [{ field: 'spec.replicas', message: 'must be greater than or equal to 0' }];
  assert.deepEqual(wordOf(error('Invalid', 'bad', { causes }), asked), { does: 'refuse' });
  const undecodable = 'Deployment in version "v1" cannot be handled as a Deployment: json: x';
  assert.deepEqual(wordOf(error('BadRequest', undecodable), asked), { does: 'refuse' });
});

test('webhooks and policies of one cluster warn, whatever their code', () => {
  const by = {
    webhook: 'admission webhook "a.example.com" denied the request: no',
    validating:
      "deployments.apps \"w\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
    mutating: "policy 'p' with binding 'b' denied request: no",
  };
  for (const message of Object.values(by))
    for (const reason of ['BadRequest', 'Invalid', 'Forbidden'] as const) {
      const word = wordOf(error(reason, message, { causes: [{ message, field: 'x' }] }), asked);
      const text = `cluster eu would not take it: ${message}`;
      assert.deepEqual(word, { does: 'warn', text });
    }
});

test('a missing namespace is judged elsewhere, a taken name is told', () => {
  const missing = error('NotFound', 'namespaces "team" not found', { kind: 'namespaces' });
  assert.deepEqual(wordOf(missing, asked), { does: 'ask elsewhere' });
  const exists = error('AlreadyExists', 'configmaps "a" already exists');
  assert.deepEqual(wordOf(exists, asked), { does: 'pass' });
  const word = wordOf(exists, { ...asked, taken: true });
  assert.match(word.does === 'warn' ? word.text : '', /cluster eu has an object of this name/);
});

test('no answer but 400 and 422 ever refuses', () => {
  const reasons = Object.keys(statusCodes) as StatusReason[];
  fc.assert(
    fc.property(
      fc.constantFrom(...reasons),
      fc.string(),
      fc.boolean(),
      (reason, message, taken) => {
        const causes = [{ field: 'a', message: 'b' }];
        const { does } = wordOf(error(reason, message, { causes }), { cluster: 'eu', taken });
        if (does === 'refuse') assert.ok(['BadRequest', 'Invalid'].includes(reason));
      },
    ),
  );
  const gone = wordOf(new TransportError('connection refused'), asked);
  assert.deepEqual(gone, {
    does: 'warn',
    text: 'not checked beforehand in cluster eu: connection refused',
  });
  const proxy = new ApiError('BadRequest', 'the server answered 400: <html>', { code: 400 });
  assert.equal(wordOf(proxy, asked).does, 'warn');
});
