/**
 * What kube-apiserver checks when it decodes a body: field types, and fields that the kind does not
 * have.
 */
import { GoTypeError, NativeDecoder, type Unknowns } from './decode-native.ts';
import { setField } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import type { MapShape, SchemaNode, TypeSchema } from './schema.ts';
import { compileStandalone } from './schema-compile.ts';
import { ApiError } from './status.ts';
import { fieldNode, fieldOf } from './typed.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeOptions {
  readonly schema: TypeSchema;
  readonly object: KubeObject;
  /** What the decoder noticed before: duplicate fields as kube-apiserver words them. */
  readonly problems?: readonly string[];
  readonly fieldValidation: FieldValidation;
  /** Nulls that a custom object may not have stay, for validation to refuse: as of an apply. */
  readonly keepsNulls?: boolean;
  /** Called once per problem with 'Warn'. */
  warn(text: string): void;
  /** Says why the object cannot be decoded; absent: BadRequest, as of a body. */
  refuse?(why: string, misfit?: GoTypeError['misfit']): ApiError;
}

/**
 * Gives the object as it is stored: unknown fields and meaningless nulls dropped. The input is not
 * changed; it is returned
 * itself when nothing had to go.
 * @throws ApiError what `refuse` makes of it, for a field of the wrong type in a native kind or in
 * metadata, and for problems with 'Strict'
 */
export function decodeObject(options: DecodeOptions): KubeObject {
  const { schema, object, problems = [], fieldValidation, keepsNulls = false } = options;
  const refuse = options.refuse ?? ((why) => new ApiError('BadRequest', cannotBe(schema, why)));
  const unknowns: Unknowns = fieldValidation === 'Ignore' ? undefined : [];
  let decoded: KubeObject;
  try {
    decoded = decode(schema, object, unknowns, keepsNulls);
  } catch (error) {
    throw error instanceof GoTypeError ? refuse(error.message, error.misfit) : error;
  }
  if (unknowns === undefined) return decoded;
  const all = [...problems, ...unknowns.map((path) => `unknown field "${path}"`)];
  if (all.length === 0) return decoded;
  if (schema.native && problems.length > 0 && unknowns.length > 0) inDocumentOrder(all, object);
  if (fieldValidation === 'Strict') throw refuse(`strict decoding error: ${all.join(', ')}`);
  for (const text of all) options.warn(text);
  return decoded;
}

/**
 * Go's decoder of native kinds tells problems as it comes to them. Of a field that is there twice
 * the first place counts here, the second there.
 */
function inDocumentOrder(problems: string[], object: KubeObject): void {
  const places = new Map<string, number>();
  const walk = (value: unknown, path: string): void => {
    places.set(path, places.size);
    if (Array.isArray(value)) for (const [i, one] of value.entries()) walk(one, `${path}[${i}]`);
    else if (isObject(value))
      for (const key of Object.keys(value)) walk(value[key], path === '' ? key : `${path}.${key}`);
  };
  walk(object, '');
  const placeOf = (text: string): number =>
    places.get(/^(?:duplicate|unknown) field "(.*)"$/.exec(text)?.[1] ?? '') ?? 0;
  problems.sort((a, b) => placeOf(a) - placeOf(b));
}

/** One value of a custom kind without fields that its schema does not know. */
export function pruned(node: SchemaNode, value: Json): Json {
  return new Pruner(undefined, false).value(node, value, '');
}

/** Only the nulls and unknown fields that a merge may have brought in; no problem is reported. */
export function settle(
  schema: TypeSchema,
  object: KubeObject,
  options: Pick<DecodeOptions, 'keepsNulls'> = {},
): KubeObject {
  return decodeObject({ ...options, schema, object, fieldValidation: 'Ignore', warn: () => {} });
}

function cannotBe({ kind, version }: TypeSchema, why: string): string {
  return `${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`;
}

function decode(
  schema: TypeSchema,
  object: KubeObject,
  unknowns: Unknowns,
  keepsNulls: boolean,
): KubeObject {
  const json = object as unknown as JsonObject;
  if (schema.native) {
    const decoder = new NativeDecoder(unknowns);
    return decoder.root(schema.root, schema.kind, json) as unknown as KubeObject;
  }
  return new Pruner(unknowns, keepsNulls).root(schema.root, json) as unknown as KubeObject;
}

const noFields: MapShape = {
  atomic: false,
  fields: new Map(),
  element: undefined,
  preservesUnknown: false,
};

/** Around the keys of maps in paths, which are told in two ways. */
const [keyStart, keyEnd] = ['\0', '\u0001'];
const keys = new RegExp(`${keyStart}([^${keyEnd}]*)${keyEnd}`, 'g');

/** What a value has that stands where its schema knows neither fields nor items. */
const nothingKnown = compileStandalone({ type: 'string' });

/**
 * Custom kinds: unknown fields are cut, wrong types are left to validation; only metadata is
 * decoded strictly.
 */
class Pruner {
  readonly #unknowns: Unknowns;
  readonly #keepsNulls: boolean;

  constructor(unknowns: Unknowns, keepsNulls: boolean) {
    this.#unknowns = unknowns;
    this.#keepsNulls = keepsNulls;
  }

  root(node: SchemaNode, object: JsonObject): JsonObject {
    return this.#fields(node, object, '', true);
  }

  value(node: SchemaNode, value: Json, path: string): Json {
    if (Array.isArray(value)) return this.#items(node, value, path);
    return isObject(value) ? this.#fields(node, value, path, node.shape.embedded) : value;
  }

  #fields(node: SchemaNode, object: JsonObject, path: string, resource: boolean): JsonObject {
    const { map = noFields, keeps } = node.shape;
    if (keeps && map.fields.size === 0) return object;
    let out: JsonObject | undefined;
    for (const name of Object.keys(object)) {
      const value = fieldOf(object, name);
      const declared = map.fields.has(name);
      const isKey = !declared && !map.preservesUnknown && map.element !== undefined;
      const step = isKey ? `${keyStart}${name}${keyEnd}` : `.${name}`;
      const at = path === '' ? name : `${path}${step}`;
      const type = map.preservesUnknown && !keeps ? map.fields.get(name) : fieldNode(map, name);
      const after = this.#field({
        type,
        name,
        value,
        at,
        resource,
        declared,
      });
      if (after === value) continue;
      out ??= { ...object };
      if (after === undefined) delete out[name];
      else setField(out, name, after);
    }
    return out ?? object;
  }

  /** Undefined when the field has to go. */
  #field(field: {
    type: SchemaNode | undefined;
    name: string;
    value: Json | undefined;
    at: string;
    resource: boolean;
    declared: boolean;
  }): Json | undefined {
    const { type, name, value, at, resource, declared } = field;
    if (value === undefined) return undefined;
    if (type === undefined) {
      this.#unknowns?.push(at.replace(keys, '.$1'));
      return undefined;
    }
    if (resource && name === 'metadata') {
      const decoder = new NativeDecoder(this.#unknowns);
      return decoder.metadata(type, value, at.replace(keys, '[$1]'));
    }
    if (value === null && declared && !type.nullable && !this.#keepsNulls) return undefined;
    return this.value(type, value, at);
  }

  #items(node: SchemaNode, items: readonly Json[], path: string): Json {
    const { list, keeps } = node.shape;
    if (list === undefined && keeps) return items as Json;
    const element = list?.element ?? nothingKnown;
    let out: Json[] | undefined;
    for (let i = 0; i < items.length; i++) {
      const after = this.value(element, items[i]!, `${path}[${i}]`);
      if (after === items[i]) continue;
      out ??= [...items];
      out[i] = after;
    }
    return out ?? (items as Json);
  }
}
