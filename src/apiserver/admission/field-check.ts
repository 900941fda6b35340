/** Collects what is wrong with fields, in the words of kube-apiserver's validation. */
import { labelKeyProblems, labelValueProblems } from '../../kube/label-syntax.ts';
import { isObject, type Json, type JsonObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';

export class FieldCheck {
  readonly causes: StatusCause[] = [];

  required(field: string, why = ''): void {
    this.causes.push(requiredValue(field, why));
  }

  invalid(field: string, value: unknown, ...whys: readonly string[]): void {
    for (const why of whys) this.causes.push(invalidValue(field, value, why));
  }

  forbidden(field: string, why: string): void {
    this.causes.push({ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field });
  }

  duplicate(field: string, value: string): void {
    const message = `Duplicate value: ${quoteGo(value)}`;
    this.causes.push({ reason: 'FieldValueDuplicate', message, field });
  }

  tooMany(field: string, count: number, most: number): void {
    const message = `Too many: ${count}: must have at most ${most} items`;
    this.causes.push({ reason: 'FieldValueTooMany', message, field });
  }

  /** `known` in order. */
  oneOf(field: string, value: Json | undefined, known: readonly string[]): void {
    if (value === undefined || known.includes(value as string)) return;
    const list = known.map(quoteGo).join(', ');
    const message = `Unsupported value: ${quoteGo(String(value))}: supported values: ${list}`;
    this.causes.push({ reason: 'FieldValueNotSupported', message, field });
  }

  /** The values that are named for the first time; the others are told as duplicates. */
  unique(values: readonly { readonly field: string; readonly value: string }[]): void {
    const seen = new Set<string>();
    for (const { field, value } of values) {
      if (seen.has(value)) this.duplicate(field, value);
      seen.add(value);
    }
  }

  labelSelector(field: string, selector: Json | undefined): void {
    if (!isObject(selector)) return;
    const { matchLabels, matchExpressions } = selector;
    for (const [key, value] of Object.entries(isObject(matchLabels) ? matchLabels : {})) {
      this.invalid(`${field}.matchLabels`, key, ...labelKeyProblems(key));
      this.invalid(`${field}.matchLabels`, value, ...labelValueProblems(String(value)));
    }
    for (const [i, requirement] of objectsOf(matchExpressions).entries())
      this.#requirement(`${field}.matchExpressions[${i}]`, requirement);
  }

  #requirement(field: string, { key, operator, values }: JsonObject): void {
    const given = Array.isArray(values) ? values.map(String) : [];
    if (operator === 'In' || operator === 'NotIn') {
      if (given.length === 0)
        this.required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      if (given.length > 0) this.forbidden(`${field}.values`, why);
    } else this.invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator');
    this.invalid(`${field}.key`, key ?? '', ...labelKeyProblems(String(key ?? '')));
    for (const [i, value] of given.entries())
      this.invalid(`${field}.values[${i}]`, value, ...labelValueProblems(value));
  }
}

export function objectsOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map((item) => (isObject(item) ? item : {})) : [];
}

export function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
