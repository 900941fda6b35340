/** The types of a recorded kube-apiserver, as a member tells them to the catalog. */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { readRecorded } from '../apiserver/catalog/recorded.ts';
import type { MemberTypes } from '../apiserver/catalog.ts';

let snapshot: MemberTypes | undefined;

/**
 * Everything that a bare Kubernetes serves, ready for `catalog.setMember`; read once, which takes
 * some 50 ms.
 */
export function loadSnapshot(): MemberTypes {
  snapshot ??= {
    ...readRecorded(new URL('data/types.json.br', import.meta.url)),
    openapiV2: brotliDecompressSync(
      readFileSync(new URL('data/openapi-v2.pb.br', import.meta.url)),
    ),
  };
  return snapshot;
}
