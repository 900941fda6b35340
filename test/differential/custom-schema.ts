/** Structural schemas of custom kinds, of every sort that a definition may have. */
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import type { Draw } from './draw.ts';
import { fitting, plainSchemas } from './schema-values.ts';

export interface SchemaShape {
  /** Levels of objects and lists below. */
  readonly depth: number;
  /** Default: any. */
  readonly type?: string;
}

const leaves = ['string', 'string', 'integer', 'number', 'boolean', 'int-or-string'] as const;
const deep = ['object', 'list', 'list', 'map', 'free', 'embedded'] as const;
const names = ['alpha', 'beta', 'gamma', 'delta', 'name', 'port', 'kind'];

const stringFormats = [
  ...['date-time', 'date', 'duration', 'byte', 'ipv4', 'ipv6', 'cidr', 'email', 'hostname'],
  ...['uri', 'uuid', 'password', 'mac', 'made-up', 'k8s-short-name'],
];

export function makeSchema(draw: Draw, { depth, type }: SchemaShape): JsonObject {
  const sort = type ?? (depth > 0 && draw.once(2) ? draw.one(deep) : draw.one(leaves));
  const schema = bare(draw, sort, depth);
  if (type === undefined) {
    if (draw.once(6)) schema.nullable = true;
    if (draw.once(4) && sort !== 'embedded') {
      const value = fitting(draw, schema, { schemas: plainSchemas, field: '', depth: 1 });
      // Go cannot tell it from none.
      if (value !== null) schema.default = value;
    }
  }
  return schema;
}

function bare(draw: Draw, sort: string, depth: number): JsonObject {
  switch (sort) {
    case 'object':
      return objectSchema(draw, depth - 1);
    case 'list':
      return listSchema(draw, depth - 1);
    case 'map':
      return {
        type: 'object',
        additionalProperties: makeSchema(draw, { depth: depth - 1 }),
        ...mapType(draw),
        // Without a bound kube-apiserver thinks that rules below cost too much.
        maxProperties: 3,
      };
    case 'free':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...mapType(draw) };
    case 'embedded':
      return {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      };
    case 'int-or-string':
      return { 'x-kubernetes-int-or-string': true };
    case 'string':
      return stringSchema(draw);
    case 'integer':
    case 'number':
      return numberSchema(draw, sort);
    default:
      return { type: sort };
  }
}

function mapType(draw: Draw): JsonObject {
  return draw.one<JsonObject>([
    {},
    { 'x-kubernetes-map-type': 'granular' },
    { 'x-kubernetes-map-type': 'atomic' },
  ]);
}

function stringSchema(draw: Draw): JsonObject {
  return {
    type: 'string',
    ...draw.one<JsonObject>([
      {},
      { maxLength: 5 },
      { minLength: 1, maxLength: 30 },
      { pattern: '^[a-c]{1,3}$' },
      { enum: ['red', 'green', 'blue'] },
      { format: draw.one(stringFormats) },
      { maxLength: 20, 'x-kubernetes-validations': [draw.one(stringRules)] },
    ]),
  };
}

const stringRules: readonly JsonObject[] = [
  { rule: "self != 'web'", message: 'the web is not allowed' },
  { rule: 'self.size() < 4' },
  { rule: 'self == oldSelf', message: 'stays as it is' },
  { rule: "!self.contains('x')", reason: 'FieldValueForbidden' },
];

function numberSchema(draw: Draw, type: string): JsonObject {
  return {
    type,
    ...draw.one<JsonObject>([
      {},
      { minimum: 1, maximum: 6 },
      { minimum: 0, exclusiveMinimum: true },
      { maximum: 10, exclusiveMaximum: true },
      { multipleOf: 2 },
      type === 'integer' ? { format: draw.one(['int32', 'int64']) } : { format: 'double' },
      { enum: [1, 2, 3] },
      { 'x-kubernetes-validations': [draw.one(numberRules)] },
    ]),
  };
}

const numberRules: readonly JsonObject[] = [
  { rule: 'self < 5' },
  { rule: 'self >= oldSelf', messageExpression: "'below'" },
];

function objectSchema(draw: Draw, depth: number): JsonObject {
  const properties: JsonObject = {};
  for (const name of draw.some(names, draw.integer(2, 5)))
    properties[name] = makeSchema(draw, { depth });
  const all = Object.keys(properties);
  return {
    type: 'object',
    properties,
    ...(draw.once(3) && { required: draw.some(all, 1) }),
    ...(draw.once(4) && mapType(draw)),
    ...(draw.once(6) && { 'x-kubernetes-preserve-unknown-fields': true }),
    ...(draw.once(6) && { 'x-kubernetes-validations': [objectRule(draw, all)] }),
  };
}

function objectRule(draw: Draw, all: readonly string[]): JsonObject {
  const field = draw.one(all);
  return draw.one<JsonObject>([
    { rule: `has(self.${field})`, message: `${field} is needed` },
    { rule: `!has(oldSelf.${field}) || has(self.${field})`, fieldPath: `.${field}` },
  ]);
}

function listSchema(draw: Draw, depth: number): JsonObject {
  const bounds: JsonObject = { maxItems: draw.integer(2, 5) };
  switch (draw.one(['none', 'atomic', 'set', 'map'])) {
    case 'set':
      return {
        ...{ type: 'array', 'x-kubernetes-list-type': 'set', ...bounds },
        items: { ...keySchema(draw), ...(draw.once(3) && { maxLength: 10 }) },
      };
    case 'map':
      return { ...mapList(draw, depth), ...bounds };
    case 'atomic':
      return {
        ...{ type: 'array', 'x-kubernetes-list-type': 'atomic', ...bounds },
        items: makeSchema(draw, { depth }),
      };
    default:
      return { type: 'array', items: withoutDefault(makeSchema(draw, { depth })), ...bounds };
  }
}

function withoutDefault({ default: _, ...schema }: JsonObject): JsonObject {
  return schema;
}

function keySchema(draw: Draw): JsonObject {
  return draw.one<JsonObject>([{ type: 'string' }, { type: 'integer' }]);
}

function mapList(draw: Draw, depth: number): JsonObject {
  const items = objectSchema(draw, depth);
  const properties = { ...(items.properties as JsonObject) };
  const keys = draw.once(3) ? ['key', 'other'] : ['key'];
  for (const key of keys) properties[key] = keySchema(draw);
  const last = keys.at(-1)!;
  const required = [...keys];
  // A key with a default need not be given.
  if (draw.once(3) && isObject(properties[last])) {
    const schema: JsonObject = properties[last];
    properties[last] = { ...schema, default: schema.type === 'string' ? 'main' : 1 };
    required.pop();
  }
  const more = (items.required ?? []) as Json[];
  return {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    items: {
      ...withoutDefault(items),
      properties,
      ...(required.length + more.length > 0 && { required: [...new Set([...required, ...more])] }),
    },
  };
}
