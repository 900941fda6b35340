/** Values that fit a schema of Kubernetes, values that do not, and parts of an object. */
import { stringifyJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import type { Draw } from './draw.ts';

export interface SchemaSource {
  /** The schema that is meant, where this one only refers to it. */
  resolve(schema: JsonObject): JsonObject;
  /** A value of a field whose schema says too little. */
  hint(field: string, schema: JsonObject): readonly Json[] | undefined;
}

/** A schema without references. */
export const plainSchemas: SchemaSource = { resolve: (schema) => schema, hint: () => undefined };

const words = ['a', 'b', 'web', 'x-1', ''];

const formats: Readonly<Record<string, readonly string[]>> = {
  'date-time': ['2024-01-01T00:00:00Z', '2024-06-01T12:30:00Z'],
  date: ['2024-01-01', '2023-12-31'],
  duration: ['5m', '1h30m', '10s'],
  byte: ['YQ==', ''],
  ipv4: ['192.0.2.1', '10.0.0.1'],
  ipv6: ['2001:db8::1', '::1'],
  cidr: ['192.0.2.0/24', '2001:db8::/32'],
  mac: ['01:23:45:67:89:ab'],
  email: ['ada@example.com'],
  hostname: ['a.example.com'],
  uri: ['https://example.com/a'],
  uuid: ['a1a2a3a4-b1b2-4c1c-8d1d-e1e2e3e4e5e6'],
  password: ['hush'],
  'k8s-short-name': ['abc', 'a-1'],
  'k8s-long-name': ['abc.example.com'],
};

export interface Place {
  readonly schemas: SchemaSource;
  readonly field: string;
  readonly depth: number;
}

/** Fits the schema, as far as types, bounds, formats and keys of lists say. */
export function fitting(draw: Draw, given: JsonObject, place: Place): Json {
  const schema = place.schemas.resolve(given);
  const hints = place.schemas.hint(place.field, schema);
  if (hints !== undefined) return draw.one(hints);
  if (schema.nullable === true && draw.once(6)) return null;
  if (Array.isArray(schema.enum)) return draw.one(schema.enum);
  if (schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string')
    return draw.one<Json>([1, 80, '50%', 'http']);
  switch (schema.type) {
    case 'string':
      return text(draw, schema);
    case 'integer':
    case 'number':
      return number(draw, schema);
    case 'boolean':
      return draw.once(2);
    case 'array':
      return list(draw, schema, place);
    case 'object':
      return object(draw, schema, place);
    default:
      return draw.one<Json>(['any', 3, { deep: { er: [1] } }, [1, 'b'], true]);
  }
}

function text(draw: Draw, schema: JsonObject): string {
  if (typeof schema.pattern === 'string') return draw.one(['a', 'ab', 'abc']);
  const known = formats[String(schema.format ?? '')];
  const list = known ?? words;
  const fit = list.filter(
    (word) =>
      word.length >= Number(schema.minLength ?? 0) && word.length <= Number(schema.maxLength ?? 99),
  );
  return draw.one(fit.length > 0 ? fit : ['abc']);
}

function number(draw: Draw, schema: JsonObject): number {
  const min = Number(schema.minimum ?? 1) + (schema.exclusiveMinimum === true ? 1 : 0);
  const max = Number(schema.maximum ?? min + 5) - (schema.exclusiveMaximum === true ? 1 : 0);
  const step = Number(schema.multipleOf ?? 1);
  const whole = Math.ceil(draw.integer(min, Math.max(min, max)) / step) * step;
  return schema.type === 'number' && step === 1 && whole < max && draw.once(2)
    ? whole + 0.5
    : whole;
}

function list(draw: Draw, schema: JsonObject, place: Place): Json[] {
  const items = schema.items as JsonObject;
  const made = draw.times(Number(schema.minItems ?? 0), Number(schema.maxItems ?? 3), () =>
    fitting(draw, items, { ...place, depth: place.depth - 1 }),
  );
  const type = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? keysOf(schema);
  if (type !== 'set' && !Array.isArray(keys)) return made;
  const seen = new Set<string>();
  return made.filter((item) => {
    const identity =
      Array.isArray(keys) && isObject(item) ? keys.map((k) => item[String(k)]) : item;
    const text = stringifyJson(identity as Json);
    return seen.has(text) ? false : seen.add(text) !== undefined;
  });
}

function keysOf(schema: JsonObject): Json[] | undefined {
  const key = schema['x-kubernetes-patch-merge-key'];
  return typeof key === 'string' ? [key] : undefined;
}

function object(draw: Draw, schema: JsonObject, place: Place): JsonObject {
  const inner = { ...place, depth: place.depth - 1 };
  if (schema['x-kubernetes-embedded-resource'] === true) return embedded(draw, schema, inner);
  const out: JsonObject = {};
  const { properties, additionalProperties } = schema;
  if (isObject(additionalProperties) && place.depth > 0)
    for (const key of draw.some(['a', 'b', 'c'], 2))
      out[key] = fitting(draw, additionalProperties, { ...inner, field: '' });
  if (isObject(properties)) {
    const required = new Set((schema.required ?? []) as string[]);
    const others = Object.keys(properties).filter((name) => !required.has(name));
    const more = place.depth > 0 ? draw.some(others, draw.integer(1, 2)) : [];
    for (const field of [...required, ...more])
      if (isObject(properties[field]))
        out[field] = fitting(draw, properties[field], { ...inner, field });
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === true && draw.once(2))
    out[draw.one(['free', 'other'])] = draw.one<Json>([1, 'x', { y: [1, { z: null }] }, [1, 2]]);
  return out;
}

function embedded(draw: Draw, schema: JsonObject, place: Place): JsonObject {
  const { 'x-kubernetes-embedded-resource': _, ...rest } = schema;
  const own = object(draw, rest, place);
  const metadata = draw.one<JsonObject>([
    { name: 'inner' },
    { name: 'inner', labels: { a: 'b' } },
    { name: 'inner', unknown: 'field', annotations: {} },
  ]);
  return { ...own, apiVersion: draw.one(['v1', 'apps/v1']), kind: 'Thing', metadata };
}

/** Of another type than the schema's, or beyond its bounds. */
export function misfitting(draw: Draw, given: JsonObject, place: Place): Json {
  const schema = place.schemas.resolve(given);
  const others: Json[] = ['text', 7, true, ['in a list'], { in: 'an object' }, 1.5, null];
  if (schema.type === 'string') others.push('much too long for what is allowed', 'Ü\n', 'zzz');
  if (schema.type === 'integer' || schema.type === 'number') others.push(-1000, 1e9, 4294967296);
  if (schema.type === 'array') {
    const one = isObject(schema.items) ? fitting(draw, schema.items, place) : 1;
    others.push([one, one], Array<Json>(9).fill(one), [null]);
  }
  if (schema.type === 'object') others.push({ unknown: 1 }, { apiVersion: 'v1', kind: 'Bad Kind' });
  return draw.one(others);
}

/** A path through properties from the root, with the schema at its end. */
export interface Spot {
  readonly path: readonly string[];
  readonly schema: JsonObject;
}

/** A way down to somewhere, at least one step below `start`. */
export function spot(draw: Draw, start: Spot, schemas: SchemaSource, steps: number): Spot {
  let found = start;
  for (let n = draw.integer(1, steps); n > 0; n--) {
    const { properties } = schemas.resolve(found.schema);
    if (!isObject(properties) || Object.keys(properties).length === 0) break;
    const field = draw.one(Object.keys(properties));
    found = { path: [...found.path, field], schema: properties[field] as JsonObject };
  }
  return found;
}

/** An object with nothing but this value at its path. */
export function nested(path: readonly string[], value: Json): JsonObject {
  return path.reduceRight<Json>((inner, name) => ({ [name]: inner }), value) as JsonObject;
}

export function pointer(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
