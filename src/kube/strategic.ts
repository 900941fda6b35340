/** Strategic merge patch, driven by the patch strategies and merge keys of the schema. */
import type { JsonObject, KubeObject } from './object.ts';
import type { TypeSchema } from './schema.ts';

export interface StrategicOptions {
  readonly schema: TypeSchema;
  readonly live: KubeObject;
  readonly patch: JsonObject;
}

/**
 * The patched object; `live` and `patch` are not changed.
 * Throws ApiError UnsupportedMediaType for custom kinds, BadRequest for malformed directives.
 */
export function strategicMerge(_options: StrategicOptions): KubeObject {
  throw new Error('being written');
}
