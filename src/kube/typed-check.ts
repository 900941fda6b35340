/** Whether a value has the structure of its type, in the words of structured-merge-diff. */
import { goText, goTypeOf } from './go-text.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { describeElement, describeValue, fieldElement } from './path-element.ts';
import type { ListShape, ScalarType, SchemaNode } from './schema.ts';
import { elementOf, fieldNode, fieldOf, formOf, isTime, TypedError } from './typed.ts';

/**
 * One text per problem, `path: what`; an element may occur in a set or keyed list only once. Empty
 * = sound.
 */
export function typedProblems(node: SchemaNode, value: Json): string[] {
  const check = new TypedCheck();
  check.value(node, value, '');
  return check.problems;
}

/** Whether a live value has another structure than its type; elements may repeat. */
export function hasMisfit(node: SchemaNode, value: Json): boolean {
  return typedProblems(node, value).some((problem) => !problem.includes(': duplicate entries for'));
}

/** Several problems as one text. */
export function joinProblems(problems: readonly string[]): string {
  if (problems.length === 1) return problems[0]!;
  return ['errors:', ...problems.map((problem) => `  ${problem}`)].join('\n');
}

class TypedCheck {
  readonly problems: string[] = [];

  #problem(path: string, what: string): void {
    this.problems.push(path === '' ? what : `${path}: ${what}`);
  }

  value(node: SchemaNode, value: Json, path: string): void {
    if (value === null) return;
    const form = formOf(node, value);
    if (form === 'map') {
      if (isObject(value)) this.#map(node, value, path);
      else this.#problem(path, `expected map, got ${shown(value)}`);
    } else if (form === 'list') {
      if (Array.isArray(value)) this.#list(node.shape.list!, value, path);
      else this.#problem(path, `expected list, got ${shown(value)}`);
    } else this.#scalar(node, value, path);
  }

  #map(node: SchemaNode, object: JsonObject, path: string): void {
    for (const name of Object.keys(object)) {
      const value = fieldOf(object, name);
      if (value === undefined) continue;
      const at = `${path}${describeElement(fieldElement(name))}`;
      const type = fieldNode(node.shape.map!, name);
      if (type === undefined) {
        this.#problem(at, 'field not declared in schema');
        return;
      }
      this.value(type, value, at);
    }
  }

  #list(list: ListShape, items: readonly Json[], path: string): void {
    const seen = new Set<string>();
    for (const [i, item] of items.entries()) {
      let element = `i:${i}`;
      if (list.relation !== 'atomic') {
        try {
          element = elementOf(list, item);
        } catch (error) {
          if (!(error instanceof TypedError)) throw error;
          this.#problem(path, `element ${i}: ${error.message}`);
          return;
        }
        if (seen.has(element))
          this.#problem(path, `duplicate entries for key ${describeElement(element)}`);
        seen.add(element);
      }
      this.value(list.element, item, `${path}${describeElement(element)}`);
    }
  }

  #scalar(node: SchemaNode, value: Json, path: string): void {
    const { scalar, format, definition } = node.shape;
    // A custom kind's int-or-string has no type there, so that anything may come.
    if (scalar === 'int-or-string' && definition === undefined) return;
    const problem = scalarProblem(isTime(node.shape) ? 'any' : scalar!, format, value);
    if (problem !== undefined) this.#problem(path, problem);
  }
}

function scalarProblem(
  scalar: ScalarType,
  format: string | undefined,
  value: Json,
): string | undefined {
  const type = typeof value;
  const simple = type === 'number' || type === 'bigint' || type === 'string' || type === 'boolean';
  switch (scalar) {
    case 'integer':
    case 'number':
      if (type === 'number' || type === 'bigint') return undefined;
      return `expected numeric (int or float), got ${goTypeOf(value)}`;
    case 'boolean':
      return type === 'boolean' ? undefined : `expected boolean, got ${shown(value)}`;
    case 'string':
      if (type === 'string' || (simple && format !== undefined && format !== 'byte'))
        return undefined;
      return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    default:
      return simple ? undefined : `expected any scalar, got ${shown(value)}`;
  }
}

/** A value as Go prints an unstructured one with %v. */
function shown(value: Json): string {
  return `&{${goText(value)}}`;
}

/** A value as Go prints it with %#v. */
function goSyntax(value: Json): string {
  if (value === null) return 'interface {}(nil)';
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isObject(value)) return describeValue(value);
  const fields = Object.keys(value).sort();
  const body = fields.map((name) => `${JSON.stringify(name)}:${goSyntax(value[name]!)}`).join(', ');
  return `map[string]interface {}{${body}}`;
}
