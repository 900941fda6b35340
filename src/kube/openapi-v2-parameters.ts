/** Parameters that OpenAPI v2 tells once for all operations, as kube-apiserver names them. */
import { stringifyJson } from './json.ts';
import { isObject, type JsonObject } from './object.ts';

/** The order of Go's struct: the name holds a hash of this text. */
const order = [
  ...['maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'maxLength', 'minLength'],
  ...['pattern', 'maxItems', 'minItems', 'uniqueItems', 'multipleOf', 'enum', 'type', 'nullable'],
  ...['format', 'items', 'collectionFormat', 'default', 'example', 'description', 'name', 'in'],
  ...['required', 'schema', 'allowEmptyValue'],
];
/** Clients look for these two in each operation. */
const unshared: ReadonlySet<unknown> = new Set(['name', 'fieldValidation', 'dryRun']);

export class SharedParameters {
  readonly all: JsonObject = {};
  readonly #names = new Map<string, string>();

  /** What an operation has in the place of a parameter. */
  refer(parameter: JsonObject): JsonObject {
    if (!isShared(parameter)) return parameter;
    const known = order.filter((key) => parameter[key] !== undefined);
    const text = stringifyJson(Object.fromEntries(known.map((key) => [key, parameter[key]!])));
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `${String(parameter['name'])}-${hashOf(Buffer.from(text))}`;
      this.#names.set(text, name);
      this.all[name] = parameter;
    }
    return { $ref: `#/parameters/${name}` };
  }
}

/** Bodies of one kind are not. */
function isShared({ in: place, name, schema }: JsonObject): boolean {
  if (place === 'query' || place === 'path') return !unshared.has(name);
  if (place !== 'body' || !isObject(schema)) return true;
  return String(schema['$ref'] ?? '').startsWith('#/definitions/io.k8s.apimachinery');
}

/** Six bytes of FNV-1 in base64url. */
function hashOf(bytes: Buffer): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(byte);
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(hash);
  return out.subarray(0, 6).toString('base64url');
}
