/** Server-side apply: merges a configuration into the live object and tracks who owns what. */
import type { KubeObject } from './object.ts';
import type { TypeSchema } from './schema.ts';

export interface ApplyOptions {
  readonly schema: TypeSchema;
  /** Undefined: the apply creates. */
  readonly live: KubeObject | undefined;
  readonly patch: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly subresource?: string;
  readonly resetFields?: readonly (readonly string[])[];
}

export interface ApplyResult {
  /** With metadata.managedFields; defaults not yet applied. `live` itself when nothing changed. */
  readonly object: KubeObject;
  /** False: neither the object nor an owner changed, nothing needs to be stored. */
  readonly changed: boolean;
}

/**
 * Throws ApiError: 409 Conflict with FieldManagerConflict causes, 400 for a wrong version or managedFields in the patch,
 * 500 `failed to create typed patch object` for duplicate keys and wrong types. Neither `live` nor `patch` is changed.
 */
export function applyPatch(_options: ApplyOptions): ApplyResult {
  throw new Error('being written');
}
