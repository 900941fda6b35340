/** What kube-apiserver refuses in the schema of a custom kind, in its words. Pure. */
import { countBelow, type Ruled, type RulePlace, ruledSchemaCauses } from './custom-rule-costs.ts';
import { ruledCauses } from './custom-rules.ts';
import { deepEqual } from './json.ts';
import { isObject, type Json, type JsonObject, objectAt } from './object.ts';
import { quoteGo } from './quote.ts';
import { compileStandalone } from './schema-compile.ts';
import type { StatusCause } from './status.ts';
import { forbiddenValue, structuralCauses } from './structural-schema.ts';
import { pruned } from './validate.ts';
import { invalidValue, requiredValue } from './validate-meta.ts';
import { valueCauses } from './validate-values.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const reasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);

function notSupported(field: string, value: string, supported: readonly string[]): StatusCause {
  const message = `Unsupported value: ${quoteGo(value)}: supported values: ${supported.map(quoteGo).join(', ')}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

/** `path`: of the schema in the definition. */
export function schemaCauses(schema: JsonObject, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  if (schema.nullable === true)
    causes.push(forbiddenValue(`${path}.nullable`, 'nullable cannot be true at the root'));
  const structural = structuralCauses(schema, path);
  const defaults = structural.length > 0 ? [] : defaultCauses(schema, path);
  causes.push(...structural, ...defaults);
  const check = new SchemaCheck();
  check.schema(schema, { path, root: true, meta: false, defaults: '', uncorrelated: '', count: 1 });
  causes.push(...check.causes);
  if (causes.length > 0) return causes;
  // Rules are compiled only against a schema that can be relied on.
  return ruledSchemaCauses(check.ruled, path);
}

interface Place extends RulePlace {
  /** Inside the schema of an object's metadata or type. */
  readonly meta: boolean;
  /** Why no default may stand here; '': one may. */
  readonly defaults: string;
}

class SchemaCheck {
  readonly causes: StatusCause[] = [];
  readonly ruled: Ruled[] = [];

  schema(schema: JsonObject, place: Place): void {
    this.#standard(schema, place);
    this.#inner(schema, place);
    this.#lists(schema, place.path);
    if (Array.isArray(schema['x-kubernetes-validations'])) {
      this.#rules(schema, place.path);
      this.ruled.push({ schema, place });
    }
  }

  #forbid(path: string, why: string): void {
    this.causes.push(forbiddenValue(path, why));
  }

  #standard(schema: JsonObject, { path, meta, defaults }: Place): void {
    const { type } = schema;
    if (typeof type === 'string' && type !== '' && !types.includes(type))
      this.causes.push(notSupported(`${path}.type`, type, types));
    if (schema.default !== undefined && defaults !== '')
      this.#forbid(`${path}.default`, `must not be set ${defaults}`);
    const unsupported: readonly (readonly [string, string])[] = [
      ['id', 'id is not supported'],
      ['additionalItems', 'additionalItems is not supported'],
      ['patternProperties', 'patternProperties is not supported'],
      ['definitions', 'definitions is not supported'],
      ['dependencies', 'dependencies is not supported'],
      ['$ref', '$ref is not supported'],
    ];
    for (const [name, why] of unsupported)
      if (schema[name] !== undefined) this.#forbid(`${path}.${name}`, why);
    if (type === 'null')
      this.#forbid(`${path}.type`, 'type cannot be set to null, use nullable as an alternative');
    if (Array.isArray(schema.items))
      this.#forbid(`${path}.items`, 'items must be a schema object and not an array');
    if (meta && schema['x-kubernetes-embedded-resource'] === true)
      this.#forbid(
        `${path}.x-kubernetes-embedded-resource`,
        'must not be used inside of resource meta',
      );
    if (schema.uniqueItems === true)
      this.#forbid(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      );
  }

  #inner(schema: JsonObject, place: Place): void {
    const { path, root, meta } = place;
    const embedded = schema['x-kubernetes-embedded-resource'] === true;
    const properties = objectAt(schema, 'properties') ?? {};
    const more = schema.additionalProperties;
    if (more !== undefined && more !== true && Object.keys(properties).length > 0)
      this.#forbid(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      );
    const below = { ...place, root: false, count: countBelow(schema, place.count) };
    if (isObject(more))
      this.schema(more, {
        ...below,
        path: `${path}.additionalProperties`,
        defaults: meta ? 'inside additionalProperties applying to object metadata' : place.defaults,
      });
    for (const [name, inner] of Object.entries(properties)) {
      if (!isObject(inner)) continue;
      const isMeta = (root || embedded) && metaFields.has(name);
      this.schema(inner, {
        ...below,
        path: `${path}.properties[${name}]`,
        meta: meta || isMeta,
        defaults: isMeta && root ? `in top-level ${name}` : place.defaults,
      });
    }
    for (const how of ['allOf', 'oneOf', 'anyOf'] as const) {
      const list = schema[how];
      for (const [i, inner] of (Array.isArray(list) ? list : []).entries())
        if (isObject(inner)) this.#judging(inner, { ...below, path: `${path}.${how}[${i}]` });
    }
    if (isObject(schema.not)) this.#judging(schema.not, { ...below, path: `${path}.not` });
    if (isObject(schema.items)) {
      const correlated = schema['x-kubernetes-list-type'] === 'map';
      const uncorrelated = place.uncorrelated || (correlated ? '' : path);
      this.schema(schema.items, { ...below, path: `${path}.items`, uncorrelated });
    }
  }

  /** No rules run there. */
  #judging(schema: JsonObject, place: Place): void {
    const { 'x-kubernetes-validations': _rules, ...rest } = schema;
    this.schema(rest, place);
  }

  #lists(schema: JsonObject, path: string): void {
    const { type } = schema;
    const given = typeof type === 'string' ? type : '';
    const keeps = schema['x-kubernetes-preserve-unknown-fields'];
    if (keeps === false)
      this.causes.push(
        invalidValue(
          `${path}.x-kubernetes-preserve-unknown-fields`,
          false,
          'must be true or undefined',
        ),
      );
    const mapType = schema['x-kubernetes-map-type'];
    if (typeof mapType === 'string') {
      if (given !== 'object')
        this.#mustBe(path, given, 'must be object if x-kubernetes-map-type is specified');
      if (mapType !== 'atomic' && mapType !== 'granular')
        this.causes.push(
          notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']),
        );
    }
    const listType = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'];
    const hasKeys = Array.isArray(keys) && keys.length > 0;
    const at = `${path}.x-kubernetes-list-type`;
    if (typeof listType === 'string') {
      if (given !== 'array')
        this.#mustBe(path, given, 'must be array if x-kubernetes-list-type is specified');
      if (!['atomic', 'set', 'map'].includes(listType))
        this.causes.push(notSupported(at, listType, ['atomic', 'set', 'map']));
    }
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    if (hasKeys && listType === undefined) this.causes.push(requiredValue(at, why));
    else if (hasKeys && listType !== 'map')
      this.causes.push(invalidValue(at, listType as Json, why));
    if (listType === 'map') this.#mapList(schema, hasKeys ? keys.map(String) : [], path);
    if (listType === 'map' || listType === 'set')
      this.#identified(schema, listType, { keys: hasKeys ? keys.map(String) : [], path });
  }

  #mustBe(path: string, given: string, why: string): void {
    const at = `${path}.type`;
    this.causes.push(given === '' ? requiredValue(at, why) : invalidValue(at, given, why));
  }

  #mapList(schema: JsonObject, keys: readonly string[], path: string): void {
    const { items } = schema;
    const at = `${path}.x-kubernetes-list-map-keys`;
    if (keys.length === 0)
      this.causes.push(requiredValue(at, 'must not be empty if x-kubernetes-list-type is map'));
    if (items === undefined)
      this.causes.push(
        requiredValue(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'),
      );
    if (!isObject(items)) return;
    if (items.type !== 'object') {
      const why = "must be object if parent array's x-kubernetes-list-type is map";
      this.causes.push(invalidValue(`${path}.items.type`, items.type ?? '', why));
      return;
    }
    const seen = new Set<string>();
    for (const key of keys) {
      const property = objectAt(items, 'properties', key);
      if (property === undefined)
        this.causes.push(
          invalidValue(at, [...keys], 'entries must all be names of item properties'),
        );
      else if (property.type === 'array' || property.type === 'object') {
        const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
        this.causes.push(invalidValue(`${path}.items.properties[${key}].type`, items.type, why));
      }
      if (seen.has(key))
        this.causes.push(invalidValue(at, [...keys], 'must not contain duplicate entries'));
      seen.add(key);
    }
  }

  /** What tells items apart has to be there. */
  #identified(
    { items }: JsonObject,
    listType: string,
    { keys, path }: { keys: readonly string[]; path: string },
  ): void {
    if (!isObject(items)) return;
    if (items.nullable === true)
      this.#forbid(
        `${path}.items.nullable`,
        `cannot be nullable when x-kubernetes-list-type is ${listType}`,
      );
    if (listType === 'set') {
      this.#atomicItems(items, path);
      return;
    }
    const required = Array.isArray(items.required) ? items.required : [];
    for (const key of keys) {
      const property = objectAt(items, 'properties', key);
      if (property === undefined) continue;
      const at = `${path}.items.properties[${key}]`;
      const named = 'this property is in x-kubernetes-list-map-keys, so it';
      if (!required.includes(key) && property.default === undefined)
        this.causes.push(
          requiredValue(`${at}.default`, `${named} must have a default or be a required property`),
        );
      if (property.nullable === true) this.#forbid(`${at}.nullable`, `${named} cannot be nullable`);
    }
  }

  #atomicItems(items: JsonObject, path: string): void {
    const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    const list = items['x-kubernetes-list-type'];
    const map = items['x-kubernetes-map-type'];
    if (items.type === 'array' && list !== undefined && list !== 'atomic')
      this.causes.push(invalidValue(`${path}.items.x-kubernetes-list-type`, list, why));
    if (items.type === 'object' && map !== 'atomic')
      this.causes.push(invalidValue(`${path}.items.x-kubernetes-map-type`, list ?? null, why));
  }

  #rules(schema: JsonObject, path: string): void {
    const rules = schema['x-kubernetes-validations'] as Json[];
    for (const [i, rule] of rules.entries()) {
      if (!isObject(rule)) continue;
      const at = `${path}.x-kubernetes-validations[${i}]`;
      const [text, message, expression] = [rule.rule, rule.message, rule.messageExpression].map(
        (value) => (typeof value === 'string' ? value : ''),
      ) as [string, string, string];
      const lines = /[\n\r]/;
      if (text.trim() === '')
        this.causes.push(requiredValue(`${at}.rule`, 'rule is not specified'));
      else if (message !== '' && message.trim() === '')
        this.causes.push(invalidValue(`${at}.message`, message, 'must be non-empty if specified'));
      else if (lines.test(message.trim()))
        this.causes.push(invalidValue(`${at}.message`, message, 'must not contain line breaks'));
      else if (lines.test(text.trim()) && message.trim() === '') {
        const why = 'message must be specified if rule contains line breaks';
        this.causes.push(requiredValue(`${at}.message`, why));
      }
      if (expression !== '' && expression.trim() === '')
        this.causes.push(
          requiredValue(
            `${at}.messageExpression`,
            'messageExpression must be non-empty if specified',
          ),
        );
      const { reason } = rule;
      if (typeof reason === 'string' && !reasons.includes(reason))
        this.causes.push(notSupported(`${at}.reason`, reason, reasons));
    }
  }
}

/** Defaults have to be what their own schema allows. */
function defaultCauses(schema: JsonObject, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const { default: value } = schema;
  if (value !== undefined) {
    const at = `${path}.default`;
    const node = compileStandalone(schema);
    if (!deepEqual(pruned(node, value), value))
      causes.push(invalidValue(at, value, 'must not have unknown fields'));
    else {
      const wrong = valueCauses(node, value, '');
      for (const cause of wrong)
        causes.push({ ...cause, field: cause.field === '' ? at : `${at}.${cause.field}` });
      if (wrong.length === 0) causes.push(...ruledCauses(schema, value, at));
    }
  }
  if (isObject(schema.items)) causes.push(...defaultCauses(schema.items, `${path}.items`));
  for (const [name, inner] of Object.entries(objectAt(schema, 'properties') ?? {}))
    if (isObject(inner)) causes.push(...defaultCauses(inner, `${path}.properties[${name}]`));
  return causes;
}
