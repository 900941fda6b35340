/** What kube-apiserver checks when it decodes a body: field types, unknown and duplicate fields, values by schema. */
import type { KubeObject } from './object.ts';
import type { TypeSchema } from './schema.ts';
import type { StatusCause } from './status.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeOptions {
  readonly schema: TypeSchema;
  readonly object: KubeObject;
  /** What the decoder noticed before: duplicate fields as kube-apiserver words them. */
  readonly problems?: readonly string[];
  readonly fieldValidation: FieldValidation;
  /** Called once per problem with 'Warn'. */
  warn(text: string): void;
}

/**
 * Gives the object as it is stored: unknown fields dropped. The input is not changed; it is returned itself when nothing had to go.
 * Throws ApiError BadRequest for a field of the wrong type in a native kind, and for problems with 'Strict'.
 */
export function decodeObject(_options: DecodeOptions): KubeObject {
  throw new Error('being written');
}

/** What the schema itself forbids (required, enum, pattern, bounds, formats); types too for custom kinds. Empty = accepted. */
export function validateBySchema(_schema: TypeSchema, _object: KubeObject): StatusCause[] {
  throw new Error('being written');
}
