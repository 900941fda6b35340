import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { revisionOf, servedVersion } from './revision.ts';

test('a token is read as it was made', () => {
  fc.assert(
    fc.property(
      fc.option(fc.nat({ max: 2 ** 42 }), { nil: undefined }),
      fc.stringMatching(/^[a-z0-9:@"/.-]{1,40}$/),
      fc.option(fc.nat(), { nil: undefined }),
      (revision, start, left) => {
        const token = { revision, start, left };
        assert.deepEqual(decodeContinue(encodeContinue(token)), token);
      },
    ),
  );
});

test('anything else is refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      assert.throws(() => decodeContinue(text), { name: 'ApiError' });
    }),
  );
  const wrong = ['{"v":"v1","rv":1,"start":"a"}', '{"v":"meta.k8s.io/v1","rv":1,"start":""}'];
  for (const text of wrong)
    assert.throws(() => decodeContinue(Buffer.from(text).toString('base64url')), {
      name: 'ApiError',
    });
});

test('a served version is the revision times 2^20, exactly, and read back rounded down', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 42 }), fc.nat({ max: 2 ** 20 - 1 }), (revision, n) => {
      const version = servedVersion(revision);
      assert.equal(BigInt(version), BigInt(revision) << 20n);
      assert.equal(revisionOf(String(BigInt(version) + BigInt(n))), revision);
    }),
  );
});
