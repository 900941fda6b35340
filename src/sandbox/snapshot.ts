/** The types of a recorded kube-apiserver, as a member tells them to the catalog. */
import { readRecorded } from '../apiserver/catalog/recorded.ts';
import type { MemberTypes } from '../apiserver/catalog.ts';

let snapshot: MemberTypes | undefined;

/**
 * Everything that a bare Kubernetes serves, ready for `catalog.setMember`; read once, which takes
 * some 50 ms.
 */
export function loadSnapshot(): MemberTypes {
  snapshot ??= readRecorded(new URL('data/types.json.br', import.meta.url));
  return snapshot;
}
