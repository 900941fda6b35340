/** What a custom kind's schema says about values, beyond their structure. */
import v8 from 'node:v8';
import type { Json, JsonObject } from './object.ts';
import type { SchemaNode, ValueRules } from './schema.ts';

// Patterns come from users: one that backtracks without end goes on in V8's linear engine, as Go's
// would.
v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** Longer patterns are not compiled: the API server that owns the kind judges them. */
const maxPattern = 10_000;

const numbers = ['minimum', 'maximum', 'multipleOf'] as const;
const bounds = [
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
] as const;
const flags = ['exclusiveMinimum', 'exclusiveMaximum', 'uniqueItems'] as const;
const lists = ['allOf', 'anyOf', 'oneOf'] as const;

/** Undefined when the schema has no rules. */
export function compileRules(
  schema: JsonObject,
  compile: (schema: Json) => SchemaNode,
): ValueRules | undefined {
  const rules: { -readonly [K in keyof ValueRules]: ValueRules[K] } = {};
  for (const name of [...numbers, ...bounds]) {
    const value = schema[name];
    if (typeof value === 'number' || typeof value === 'bigint') rules[name] = Number(value);
  }
  for (const name of flags) if (schema[name] === true) rules[name] = true;
  for (const name of lists) {
    const value = schema[name];
    if (Array.isArray(value)) rules[name] = value.map(compile);
  }
  if (schema.not !== undefined) rules.not = compile(schema.not);
  if (Array.isArray(schema.enum)) rules.enum = schema.enum;
  if (Array.isArray(schema.required)) rules.required = schema.required.map(String);
  const pattern = patternOf(schema.pattern);
  if (pattern !== undefined) rules.pattern = pattern;
  return Object.keys(rules).length === 0 ? undefined : rules;
}

/** Go's syntax that means something else, or nothing, to JavaScript. */
const foreign = /\\[pPQEC]|\\x\{|\(\?[a-zA-Z-]+[:)]|\[\[:/;

/** Undefined for syntax that only Go knows: such a pattern is left to the members. */
function patternOf(pattern: Json | undefined): RegExp | undefined {
  if (typeof pattern !== 'string' || pattern.length > maxPattern || foreign.test(pattern))
    return undefined;
  const translated = pattern
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\z', '$')
    .replaceAll('\\A', '^');
  try {
    return new RegExp(translated);
  } catch {
    return undefined;
  }
}
