/** The type of values that an OpenAPI schema describes, as rules of custom kinds see them. */
import { isObject, type Json, type JsonObject, objectAt } from '../object.ts';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  type Field,
  intType,
  listOf,
  mapOf,
  objectType,
  stringType,
  type Type,
  timestampType,
} from './types.ts';

/** The largest request, which bounds what a schema does not. */
export const maxRequestBytes = 3 * 1024 * 1024;

const keywords = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);
const signs: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** A field's name in expressions; undefined when it cannot be named there. */
export function escapeField(name: string): string | undefined {
  if (!/^[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*$/.test(name)) return undefined;
  if (keywords.has(name)) return `__${name}__`;
  return name.replace(/__|[-./]/g, (sign) => signs[sign]!);
}

/** A type with the smallest JSON that it can be written in, bytes. */
interface Sized {
  readonly type: Type;
  readonly least: number;
}

/**
 * Undefined when expressions do not see such values: unknown fields, lists without items. `root`:
 * apiVersion, kind and metadata.name are there without being declared.
 */
export function typeOfSchema(
  schema: Json | undefined,
  { root, name }: { root: boolean; name: string },
): Type | undefined {
  return sized(schema, root, name)?.type;
}

/** How often such values can stand in one object at most, where nothing else bounds them. */
export function maxCardinality(
  schema: Json | undefined,
  { root, name }: { root: boolean; name: string },
): number {
  return Math.floor(maxRequestBytes / ((sized(schema, root, name)?.least ?? 0) + 1));
}

function sized(schema: Json | undefined, root: boolean, name: string): Sized | undefined {
  if (!isObject(schema)) return undefined;
  if (schema['x-kubernetes-int-or-string'] === true) {
    const most = typeof schema.maxLength === 'number' ? schema.maxLength * 4 : maxRequestBytes - 2;
    return { type: { ...dynType, maxElements: most }, least: 1 };
  }
  const declared = root ? withMeta(schema) : schema;
  switch (declared.type) {
    case 'array':
      return list(declared, name);
    case 'object':
      return object(declared, name);
    case 'string':
      return text(declared);
    case 'boolean':
      return { type: boolType, least: 4 };
    case 'number':
      return { type: doubleType, least: 1 };
    case 'integer':
      return { type: intType, least: 1 };
    default:
      return undefined;
  }
}

function isEmbedded(schema: Json | undefined): boolean {
  return isObject(schema) && schema['x-kubernetes-embedded-resource'] === true;
}

function atLeastZero(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? Math.max(value, 0) : undefined;
}

function list(schema: JsonObject, name: string): Sized | undefined {
  const items = sized(schema.items, isEmbedded(schema.items), `${name}.@idx`);
  if (items === undefined) return undefined;
  const bound = Math.floor((maxRequestBytes - 2) / (items.least + 1));
  const type: Type = {
    ...listOf(items.type),
    maxElements: atLeastZero(schema.maxItems) ?? bound,
  };
  const relation = schema['x-kubernetes-list-type'];
  if (relation !== 'set' && relation !== 'map') return { type, least: 2 };
  const keys = schema['x-kubernetes-list-map-keys'];
  const mapKeys = Array.isArray(keys) ? keys.map(String) : [];
  return { type: { ...type, relation, mapKeys }, least: 2 };
}

function object(schema: JsonObject, name: string): Sized | undefined {
  const more = schema.additionalProperties;
  if (isObject(more)) {
    const value = sized(more, isEmbedded(more), `${name}.@elem`);
    if (value === undefined) return undefined;
    const bound = Math.floor((maxRequestBytes - 2) / (value.least + 6));
    const maxElements = atLeastZero(schema.maxProperties) ?? bound;
    return { type: { ...mapOf(stringType, value.type), maxElements }, least: 2 };
  }
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const fields = new Map<string, Field>();
  let least = 2;
  for (const [field, inner] of Object.entries(objectAt(schema, 'properties') ?? {})) {
    const escaped = escapeField(field);
    const value = sized(inner, isEmbedded(inner), `${name}.${escaped ?? field}`);
    if (value === undefined) continue;
    if (escaped !== undefined) {
      fields.set(escaped, { type: value.type, name: field });
      if (keywords.has(field)) fields.set(field, { type: value.type, name: field, alias: true });
    }
    if (required.has(field) && isObject(inner) && inner.default === undefined)
      least += Buffer.byteLength(field) + value.least + 4;
  }
  return { type: objectType(name, fields), least };
}

/** The longest name of an object. */
const longestName = 253;

function withMeta(schema: JsonObject): JsonObject {
  const properties = objectAt(schema, 'properties') ?? {};
  const { apiVersion, kind, metadata } = properties;
  const declared = objectAt(metadata, 'properties') ?? {};
  const { name, generateName } = declared;
  const texts = [kind, apiVersion, name, generateName];
  if (typeOfIn(metadata) === 'object' && texts.every((each) => typeOfIn(each) === 'string'))
    return schema;
  const string: JsonObject = { type: 'string' };
  const named: JsonObject = {
    type: 'object',
    properties: {
      name: capped(name, longestName),
      generateName: capped(generateName, longestName - 1),
    },
  };
  return {
    ...schema,
    type: 'object',
    properties: { ...properties, apiVersion: string, kind: string, metadata: named },
  };
}

function typeOfIn(schema: Json | undefined): Json | undefined {
  return isObject(schema) ? schema.type : undefined;
}

function capped(declared: Json | undefined, most: number): JsonObject {
  const own = isObject(declared) ? declared.maxLength : undefined;
  return { type: 'string', maxLength: typeof own === 'number' ? Math.min(own, most) : most };
}

function text(schema: JsonObject): Sized {
  const length = atLeastZero(schema.maxLength);
  switch (schema.format) {
    case 'byte':
      return { type: { ...bytesType, maxElements: length ?? maxRequestBytes - 2 }, least: 2 };
    case 'duration':
      return { type: { ...durationType, maxElements: 32 }, least: 3 };
    case 'date':
      return { type: { ...timestampType, maxElements: 12 }, least: 12 };
    case 'date-time':
      return { type: { ...timestampType, maxElements: 32 }, least: 21 };
    default:
  }
  let most = length === undefined ? maxRequestBytes - 2 : length * 4;
  if (length === undefined && Array.isArray(schema.enum) && schema.enum.length > 0)
    most = Math.max(
      0,
      ...schema.enum.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)),
    );
  return { type: { ...stringType, maxElements: most }, least: 2 };
}
