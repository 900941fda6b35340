/** All types of the recorded Kubernetes, for tests on this floor. */
import type { MemberTypes } from '../catalog.ts';
import { readRecorded } from './recorded.ts';

let types: MemberTypes | undefined;

export function loadRecordedTypes(): MemberTypes {
  types ??= readRecorded(new URL('../../sandbox/data/types.json.br', import.meta.url));
  return types;
}
