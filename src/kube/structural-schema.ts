/** Whether the schema of a custom kind is structural, in kube-apiserver's words. Pure. */
import { compile } from './cel/regexp.ts';
import { deepEqual } from './json.ts';
import { isObject, type Json, type JsonObject, objectAt } from './object.ts';
import type { StatusCause } from './status.ts';
import { invalidValue, requiredValue } from './validate-meta.ts';

type Level = 'root' | 'item' | 'field';

const intOrString: Json = [{ type: 'integer' }, { type: 'string' }];

export function forbiddenValue(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}

/** Sorted as kube-apiserver sorts them; empty for a structural schema. */
export function structuralCauses(schema: JsonObject, path: string): StatusCause[] {
  const check = new StructuralCheck();
  check.schema(schema, 'root', path);
  check.complete(schema, schema, { at: path, from: path });
  return check.causes.sort((a, b) =>
    `${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1,
  );
}

const emptyAt: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

class StructuralCheck {
  readonly causes: StatusCause[] = [];

  schema(schema: JsonObject, level: Level, path: string): void {
    const { type, items, additionalProperties: more } = schema;
    const embedded = schema['x-kubernetes-embedded-resource'] === true;
    if (type === 'array' && items === undefined)
      this.causes.push(requiredValue(`${path}.items`, 'must be specified'));
    if (isObject(items)) this.schema(items, 'item', `${path}.items`);
    for (const [name, inner] of Object.entries(objectAt(schema, 'properties') ?? {}))
      if (isObject(inner)) this.schema(inner, 'field', `${path}.properties[${name}]`);
    if (more !== undefined) {
      const at = `${path}.additionalProperties`;
      if (level === 'root') this.causes.push(forbiddenValue(at, 'must not be used at the root'));
      if (isObject(more)) this.schema(more, 'field', at);
      if (embedded) {
        const why = 'must not be used if x-kubernetes-embedded-resource is set';
        this.causes.push(forbiddenValue(at, why));
      }
    }
    this.#extensions(schema, path);
    this.#values(schema, level, path);
    this.#type(schema, level, path);
    this.#metadata(schema, level === 'root' || embedded, { level, path });
    const keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
    if (embedded && !keeps && Object.keys(objectAt(schema, 'properties') ?? {}).length === 0) {
      const why =
        'must not be empty if x-kubernetes-embedded-resource is true without ' +
        'x-kubernetes-preserve-unknown-fields';
      this.causes.push(requiredValue(`${path}.properties`, why));
    }
  }

  #extensions(schema: JsonObject, path: string): void {
    if (schema['x-kubernetes-int-or-string'] !== true) return;
    for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'])
      if (schema[name] === true) {
        const why = 'must be false if x-kubernetes-int-or-string is true';
        this.causes.push(invalidValue(`${path}.${name}`, true, why));
      }
  }

  #type(schema: JsonObject, level: Level, path: string): void {
    const type = typeof schema.type === 'string' ? schema.type : '';
    const at = `${path}.type`;
    if (schema['x-kubernetes-embedded-resource'] === true && type !== 'object') {
      const why = 'must be object if x-kubernetes-embedded-resource is true';
      this.causes.push(type === '' ? requiredValue(at, why) : invalidValue(at, type, why));
    } else if (
      type === '' &&
      schema['x-kubernetes-int-or-string'] !== true &&
      schema['x-kubernetes-preserve-unknown-fields'] !== true
    )
      this.causes.push(requiredValue(at, emptyAt[level]));
    if (level === 'root' && type !== '' && type !== 'object')
      this.causes.push(invalidValue(at, type, 'must be object at the root'));
  }

  #metadata(
    schema: JsonObject,
    isResource: boolean,
    { level, path }: { level: Level; path: string },
  ): void {
    const properties = objectAt(schema, 'properties') ?? {};
    const typeAt = (name: string): [string, Json] => [
      `${path}.properties[${name}].type`,
      objectAt(properties, name)?.type ?? '',
    ];
    for (const name of ['kind', 'apiVersion']) {
      const [at, type] = typeAt(name);
      if (isResource && Object.hasOwn(properties, name) && type !== 'string')
        this.causes.push(invalidValue(at, type, 'must be string'));
    }
    const metadata = objectAt(properties, 'metadata');
    if (metadata === undefined) return;
    const [at, type] = typeAt('metadata');
    if (isResource && type !== 'object') this.causes.push(invalidValue(at, type, 'must be object'));
    if (level !== 'root') return;
    const {
      type: _type,
      default: _default,
      properties: named,
      description: _text,
      ...rest
    } = metadata;
    const names = Object.keys(isObject(named) ? named : {});
    const known = names.every((name) => name === 'name' || name === 'generateName');
    if (Object.keys(rest).length > 0 || !known) {
      const why =
        'must not specify anything other than name and generateName, but metadata is implicitly ' +
        'specified';
      this.causes.push(forbiddenValue(`${path}.properties[metadata]`, why));
    }
  }

  /** What only judges values: it must not say anything about structure. */
  #values(schema: JsonObject, level: Level, path: string): void {
    const all = schemasAt(schema, 'allOf');
    if (!deepEqual(schema.anyOf, intOrString))
      for (const [i, inner] of schemasAt(schema, 'anyOf').entries())
        this.#nested(inner, level, `${path}.anyOf[${i}]`);
    for (const [i, inner] of all.entries()) {
      const skip = i === 0 && deepEqual(inner.anyOf, intOrString);
      this.#nested(skip ? { ...inner, anyOf: [] } : inner, level, `${path}.allOf[${i}]`);
    }
    for (const [i, inner] of schemasAt(schema, 'oneOf').entries())
      this.#nested(inner, level, `${path}.oneOf[${i}]`);
    if (isObject(schema.not)) this.#nested(schema.not, level, `${path}.not`);
    const { pattern } = schema;
    if (typeof pattern === 'string' && pattern !== '' && compile(pattern) === undefined) {
      const why = `must be a valid regular expression, but isn't: error parsing regexp: ${pattern}`;
      this.causes.push(invalidValue(`${path}.pattern`, pattern, why));
    }
  }

  #nested(schema: JsonObject, level: Level, path: string): void {
    this.#values(schema, level, path);
    if (isObject(schema.items)) this.#nested(schema.items, level, `${path}.items`);
    const properties = objectAt(schema, 'properties') ?? {};
    for (const [name, inner] of Object.entries(properties))
      if (isObject(inner)) this.#nested(inner, 'field', `${path}.properties[${name}]`);
    for (const [name, why] of forbiddenNested)
      if (isSet(schema[name])) this.causes.push(forbiddenValue(`${path}.${name}`, why));
    if (Object.hasOwn(properties, 'metadata')) {
      const why = 'must not be specified in a nested context';
      this.causes.push(forbiddenValue(`${path}.properties[metadata]`, why));
    }
  }

  /** What is judged at the root, however deep, has to be declared. */
  complete(
    judging: JsonObject,
    structure: JsonObject,
    { at, from }: { at: string; from: string },
  ): void {
    for (const how of ['allOf', 'anyOf', 'oneOf'] as const)
      for (const [i, inner] of schemasAt(judging, how).entries())
        this.#declared(inner, structure, { at, from: `${from}.${how}[${i}]` });
    if (isObject(judging.not)) this.#declared(judging.not, structure, { at, from: `${from}.not` });
  }

  #declared(
    judging: JsonObject,
    structure: JsonObject,
    { at, from }: { at: string; from: string },
  ): void {
    this.complete(judging, structure, { at, from });
    const missing = (where: string, because: string): void => {
      this.causes.push(requiredValue(where, `because it is defined in ${because}`));
    };
    if (isObject(judging.items)) {
      const inner = { at: `${at}.items`, from: `${from}.items` };
      if (isObject(structure.items)) this.#declared(judging.items, structure.items, inner);
      else missing(inner.at, inner.from);
    }
    for (const [name, each] of Object.entries(objectAt(judging, 'properties') ?? {})) {
      const inner = { at: `${at}.properties[${name}]`, from: `${from}.properties[${name}]` };
      const declared = objectAt(structure, 'properties', name);
      if (declared === undefined) missing(inner.at, inner.from);
      else if (isObject(each)) this.#declared(each, declared, inner);
    }
  }
}

const forbiddenNested: readonly (readonly [string, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function isSet(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== '' && value !== false;
}

function schemasAt(schema: JsonObject, name: string): JsonObject[] {
  const found = schema[name];
  return Array.isArray(found) ? found.filter(isObject) : [];
}
