/** Fills in what a client left out: defaults of the schema, and recorded ones of built-in kinds. */
import type { KubeObject } from './object.ts';
import type { TypeSchema } from './schema.ts';

/** Returns the object itself when nothing is missing, else a copy that shares what did not change. */
export function applyDefaults(_schema: TypeSchema, _object: KubeObject): KubeObject {
  throw new Error('being written');
}
