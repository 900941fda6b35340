/**
 * Judges the values of custom objects by their schema: types, required fields, bounds, patterns,
 * formats, unique keys.
 */
import { formatProblem, isTextFormat } from './formats.ts';
import { deepEqual, stringifyJson } from './json.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from './object.ts';
import { quoteGo } from './quote.ts';
import type { ListShape, SchemaNode, TypeSchema, ValueRules } from './schema.ts';
import type { StatusCause } from './status.ts';
import { fieldNode, fieldOf } from './typed.ts';
import { invalidValue, requiredValue, tooLong } from './validate-meta.ts';

/** More causes than this are not collected: the request is refused anyway. */
const maxCauses = 100;

/**
 * What the schema forbids, in kube-apiserver's words; empty = accepted.
 * Native kinds have no such rules in their schemas: always accepted. Call it after defaults.
 */
export function validateBySchema(schema: TypeSchema, object: KubeObject): StatusCause[] {
  if (schema.native) return [];
  const check = new ValueCheck();
  check.value(schema.root, object as unknown as Json, '');
  return check.causes;
}

/** As validateBySchema, of the status only, whose fields are named from there on. */
export function validateStatus(schema: TypeSchema, object: KubeObject): StatusCause[] {
  const node = schema.root.shape.map?.fields.get('status');
  const status = object['status'] as Json | undefined;
  if (schema.native || node === undefined || status === undefined) return [];
  return problems(node, status, '').map((cause) => {
    const { field } = cause;
    if (field === '<nil>') return cause;
    return { ...cause, field: field === '' ? 'status' : `status.${field}` };
  });
}

class ValueCheck {
  readonly causes: StatusCause[] = [];

  value(node: SchemaNode, value: Json, path: string): void {
    if (this.causes.length >= maxCauses) return;
    const { rules, format, list } = node.shape;
    const wrong = value === null && node.nullable ? undefined : wrongType(node, value);
    if (wrong !== undefined) {
      this.#type(path, wrong.is, wrong.wants);
      if (wrong.is === 'number' && wrong.wants === 'integer') this.#notWhole(format, path);
    }
    if (rules !== undefined) this.#enum(rules, value, path);
    if (wrong !== undefined || value === null) return;
    if (rules !== undefined) this.#rules(rules, value, path);
    if (Array.isArray(value)) this.#items(list, value, path);
    else if (isObject(value)) this.#fields(node, value, path);
    else if (format !== undefined) this.#format(format, value, path);
  }

  #type(path: string, is: string, wants: string): void {
    const shown = quoteGo(is);
    this.causes.push({
      reason: 'FieldValueTypeInvalid',
      message: `Invalid value: ${shown}: ${path} in body must be of type ${wants}: ${shown}`,
      field: path,
    });
  }

  #fields(node: SchemaNode, object: JsonObject, path: string): void {
    const map = node.shape.map;
    if (map === undefined) return;
    for (const name of Object.keys(object).sort()) {
      const type = fieldNode(map, name);
      const value = fieldOf(object, name);
      if (type === undefined || value === undefined) continue;
      if (path === '' && name === 'metadata') continue;
      this.value(type, value, path === '' ? name : `${path}.${name}`);
    }
  }

  #items(list: ListShape | undefined, items: readonly Json[], path: string): void {
    if (list === undefined) return;
    for (let i = 0; i < items.length; i++) this.value(list.element, items[i]!, `${path}[${i}]`);
    if (list.relation === 'atomic') return;
    if (list.relation === 'map') {
      const odd = items.findIndex((item) => item !== null && !isObject(item));
      if (odd >= 0) {
        const why = 'must be an object for an array of list-type map';
        this.causes.push(invalidValue(`${path}[${odd}]`, items[odd]!, why));
        return;
      }
    }
    const seen = new Map<string, number>();
    for (const [i, item] of items.entries()) {
      const text = stringifyJson(identity(list, item));
      const times = seen.get(text) ?? 0;
      // Told once, however often it comes.
      if (times === 1)
        this.causes.push({
          reason: 'FieldValueDuplicate',
          message: `Duplicate value: ${text}`,
          field: `${path}[${i}]`,
        });
      seen.set(text, times + 1);
    }
  }

  #format(format: string, value: Json, path: string): void {
    const problem = formatProblem(format, value);
    if (problem === 'type') {
      const shown = String(value);
      this.#type(path, shown, format);
    } else if (problem === 'range')
      this.#bare(`Checked value must be of type integer with format ${format} in ${path}`);
  }

  /** Its check of bounds stumbles over a fraction, too. */
  #notWhole(format: string | undefined, path: string): void {
    const of = format === undefined ? '(default format)' : `with format ${format}`;
    this.#bare(`Checked value must be of type integer ${of} in ${path}`);
  }

  /** A cause that kube-apiserver tells without its field. */
  #bare(message: string): void {
    this.causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: "": ${message}`,
      field: '<nil>',
    });
  }

  #rules(rules: ValueRules, value: Json, path: string): void {
    if (typeof value === 'string') this.#string(rules, value, path);
    else if (typeof value === 'number' || typeof value === 'bigint')
      this.#number(rules, value, path);
    else if (Array.isArray(value)) this.#list(rules, value, path);
    else if (isObject(value)) this.#object(rules, value, path);
    this.#combined(rules, value, path);
  }

  /** Of a value of a wrong type, too. */
  #enum({ enum: values }: ValueRules, value: Json, path: string): void {
    if (values === undefined || values.some((one) => deepEqual(one, value))) return;
    const text = (one: Json): string => (typeof one === 'string' ? one : stringifyJson(one));
    const shown = typeof value === 'string' ? quoteGo(value) : stringifyJson(value);
    const supported = values.map((one) => quoteGo(text(one))).join(', ');
    this.causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${shown}: supported values: ${supported}`,
      field: path,
    });
  }

  #should(path: string, value: Json, rule: string): void {
    this.causes.push(invalidValue(path, value, `${path} in body should ${rule}`));
  }

  #string(rules: ValueRules, value: string, path: string): void {
    const { minLength, maxLength, pattern } = rules;
    const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length;
    if (maxLength !== undefined && length > maxLength) this.causes.push(tooLong(path, maxLength));
    else if (minLength !== undefined && length < minLength)
      this.#should(path, value, `be at least ${minLength} chars long`);
    else if (pattern !== undefined && !pattern.test(value))
      this.#should(path, value, `match '${pattern.source.replaceAll('\\/', '/')}'`);
  }

  #number(rules: ValueRules, value: number | bigint, path: string): void {
    const { minimum, maximum, multipleOf } = rules;
    if (minimum !== undefined) {
      if (rules.exclusiveMinimum ? value <= minimum : value < minimum) {
        const than = rules.exclusiveMinimum ? 'greater than' : 'greater than or equal to';
        this.#should(path, value, `be ${than} ${minimum}`);
      }
    }
    if (maximum !== undefined) {
      if (rules.exclusiveMaximum ? value >= maximum : value > maximum) {
        const than = rules.exclusiveMaximum ? 'less than' : 'less than or equal to';
        this.#should(path, value, `be ${than} ${maximum}`);
      }
    }
    if (multipleOf !== undefined && !Number.isInteger(Number(value) / multipleOf))
      this.#should(path, value, `be a multiple of ${multipleOf}`);
  }

  #list(rules: ValueRules, value: readonly Json[], path: string): void {
    const { minItems, maxItems } = rules;
    if (maxItems !== undefined && value.length > maxItems)
      this.#tooMany(path, value.length, maxItems);
    if (minItems !== undefined && value.length < minItems)
      this.#should(path, value.length, `have at least ${minItems} items`);
    if (rules.uniqueItems && new Set(value.map(stringifyJson)).size < value.length)
      this.#should(path, value.length, 'not contain duplicates');
  }

  #tooMany(path: string, count: number, most: number): void {
    this.causes.push({
      reason: 'FieldValueTooMany',
      message: `Too many: ${count}: must have at most ${most} items`,
      field: path,
    });
  }

  #object(rules: ValueRules, value: JsonObject, path: string): void {
    const { required, minProperties, maxProperties } = rules;
    for (const name of required ?? [])
      if (fieldOf(value, name) === undefined)
        this.causes.push(requiredValue(path === '' ? name : `${path}.${name}`));
    if (minProperties === undefined && maxProperties === undefined) return;
    const count = Object.keys(value).length;
    if (maxProperties !== undefined && count > maxProperties)
      this.#tooMany(path, count, maxProperties);
    if (minProperties !== undefined && count < minProperties)
      this.#should(path, count, `have at least ${minProperties} properties`);
  }

  #combined(rules: ValueRules, value: Json, path: string): void {
    const said = quoteGo(path);
    if (rules.not !== undefined && problems(rules.not, value, path).length === 0)
      this.#bare(`${said} must not validate the schema (not)`);
    for (const node of rules.allOf ?? []) this.causes.push(...problems(node, value, path));
    if (rules.anyOf !== undefined) this.#oneOfMany(rules.anyOf, value, path, 'anyOf');
    if (rules.oneOf !== undefined) this.#oneOfMany(rules.oneOf, value, path, 'oneOf');
  }

  #oneOfMany(
    nodes: readonly SchemaNode[],
    value: Json,
    path: string,
    how: 'anyOf' | 'oneOf',
  ): void {
    const tried = nodes.map((node) => problems(node, value, path));
    const valid = tried.filter((causes) => causes.length === 0).length;
    const said = quoteGo(path);
    if (valid === 0) {
      const words =
        how === 'oneOf' ? 'one and only one schema (oneOf)' : 'at least one schema (anyOf)';
      const found = how === 'oneOf' ? '. Found none valid' : '';
      this.#bare(`${said} must validate ${words}${found}`);
      const nearest = tried.reduce((best, one) => (one.length < best.length ? one : best));
      this.causes.push(...nearest);
    } else if (how === 'oneOf' && valid > 1)
      this.#bare(
        `${said} must validate one and only one schema (oneOf). Found ${valid} valid alternatives`,
      );
  }
}

/** What one value is refused for by its own schema. */
export function valueCauses(node: SchemaNode, value: Json, path: string): StatusCause[] {
  return problems(node, value, path);
}

function problems(node: SchemaNode, value: Json, path: string): StatusCause[] {
  const check = new ValueCheck();
  check.value(node, value, path);
  return check.causes;
}

/** What names an element: its keys, defaults included, or the whole value. */
function identity(list: ListShape, item: Json): Json {
  if (list.relation !== 'map') return item;
  if (!isObject(item)) return {};
  const keys: JsonObject = {};
  for (const name of list.keys) {
    const value = fieldOf(item, name);
    if (value !== undefined) keys[name] = value;
  }
  return keys;
}

/** Undefined when the value has the type that the node wants. */
function wrongType(node: SchemaNode, value: Json): { is: string; wants: string } | undefined {
  const { scalar, format, list, map } = node.shape;
  if (scalar === 'any') return undefined;
  const is = typeName(value);
  if (scalar === 'int-or-string')
    return is === 'integer' || is === 'string' ? undefined : { is, wants: 'integer,string' };
  // A format is told instead of its type; lists are let through there.
  if (scalar === 'string' && isTextFormat(format) && is !== 'string' && is !== 'null') {
    if (is === 'array') return undefined;
    return { is: is === 'integer' ? 'int64' : is === 'number' ? 'float64' : '', wants: format };
  }
  const wants = list !== undefined ? 'array' : map !== undefined ? 'object' : (scalar ?? 'object');
  if (is === wants || (wants === 'number' && is === 'integer')) return undefined;
  return { is, wants };
}

function typeName(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}
