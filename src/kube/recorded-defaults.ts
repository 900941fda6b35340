/** Defaults that kube-apiserver fills in by code: recorded from a real one, as data. */
import type { KubeObject } from './object.ts';
import type { TypeSchema } from './schema.ts';

export function recordedDefaults(_schema: TypeSchema, object: KubeObject): KubeObject {
  return object;
}
