/** Label and field selectors: parsed once, matched often. */

import type { LabelRequirement } from './label-requirement.ts';
import { checkRequirement, parseInt64 } from './label-requirement.ts';
import { isObject } from './object.ts';
import { quoteGo } from './quote.ts';
import { LabelSelectorParser } from './selector-grammar.ts';
import { badRequest } from './status.ts';

export type { LabelRequirement } from './label-requirement.ts';

/** All requirements must hold; an empty list selects everything. */
export type LabelSelector = readonly LabelRequirement[];

export interface FieldRequirement {
  /** metadata.name, spec.nodeName, involvedObject.uid … */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export type FieldSelector = readonly FieldRequirement[];

export const selectsAll: LabelSelector = [];
/** Matches no labels at all: what a null LabelSelector means. */
export const selectsNothing: LabelSelector = [{ key: '', operator: 'In', values: [] }];

/**
 * Parses the labelSelector of a request: `a=b,c!=d,e in (f,g),!h,i>1`. Requirements are sorted by
 * key.
 * @throws ApiError (400) in kube-apiserver's words
 */
export function parseLabelSelector(text: string): LabelSelector {
  const found = new LabelSelectorParser(text).parse();
  return found.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

const operatorNames: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/**
 * The requirements of a LabelSelector object ({matchLabels, matchExpressions}); of null or
 * undefined: nothing is selected; of {}: everything.
 * @throws ApiError (400) for operators, keys and values that Kubernetes refuses
 */
export function labelSelectorFrom(selector: unknown): LabelSelector {
  if (selector === null || selector === undefined) return selectsNothing;
  if (!isObject(selector)) throw badRequest('a label selector must be an object');
  const requirements: LabelRequirement[] = [];
  const { matchLabels, matchExpressions } = selector;
  for (const [key, value] of isObject(matchLabels) ? Object.entries(matchLabels) : [])
    requirements.push(checkRequirement({ key, operator: 'In', values: [String(value)] }));
  for (const expression of Array.isArray(matchExpressions) ? matchExpressions : []) {
    const { key, operator, values } = isObject(expression) ? expression : {};
    if (typeof operator !== 'string' || !operatorNames.has(operator))
      throw badRequest(`${quoteGo(String(operator ?? ''))} is not a valid label selector operator`);
    requirements.push(
      checkRequirement({
        key: String(key ?? ''),
        operator: operator as LabelRequirement['operator'],
        values: Array.isArray(values) ? values.map(String) : [],
      }),
    );
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** Whether labels (an object's metadata.labels) satisfy every requirement. */
export function matchLabels(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  for (const requirement of selector) {
    const { key } = requirement;
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (!matchRequirement(requirement, value)) return false;
  }
  return true;
}

function matchRequirement(
  { operator, values }: LabelRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const left = value === undefined ? undefined : parseInt64(value);
      const right = values.length === 1 ? parseInt64(values[0]!) : undefined;
      if (left === undefined || right === undefined) return false;
      return operator === 'Gt' ? left > right : left < right;
    }
  }
}

/** The one value that the selector demands of a label, when it demands exactly one. */
export function requiredLabel(selector: LabelSelector, key: string): string | undefined {
  const found = selector.find((requirement) => requirement.key === key);
  return found?.operator === 'In' && found.values.length === 1 ? found.values[0] : undefined;
}

/**
 * The text of a selector, for a labelSelector parameter; parsing it gives the same requirements.
 */
export function formatLabelSelector(selector: LabelSelector): string {
  return selector.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${sorted(values)})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${sorted(values)})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'Gt':
      return `${key}>${values[0]}`;
    case 'Lt':
      return `${key}<${values[0]}`;
  }
}

function sorted(values: readonly string[]): string {
  return [...values].sort().join(',');
}

/**
 * Parses the fieldSelector of a request: `metadata.name=a,status.phase!=Running`, with `\` before
 * `,`, `=`, `\` in values. Whether the type has such a field is for the caller to say.
 * @throws ApiError (400) in kube-apiserver's words
 */
export function parseFieldSelector(text: string): FieldSelector {
  const terms = text.match(/(?:\\.|[^,])+/gsu) ?? [];
  return terms.sort().map((term) => {
    const split = /^(.*?)(!=|==|=)(.*)$/su.exec(term);
    if (split === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field, operator, value] = split;
    return {
      field: field!,
      operator: operator === '!=' ? '!=' : '=',
      value: unescapeFieldValue(value!),
    };
  });
}

function unescapeFieldValue(value: string): string {
  let out = '';
  let escaped = false;
  for (const char of value) {
    if (escaped) {
      if (!'\\,='.includes(char))
        throw badRequest(`invalid field selector: invalid escape sequence: \\${char}`);
      out += char;
      escaped = false;
    } else if (char === '\\') escaped = true;
    else if (char === ',' || char === '=')
      throw badRequest(
        `invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`,
      );
    else out += char;
  }
  if (escaped) throw badRequest('invalid field selector: invalid escape sequence: \\');
  return out;
}

/**
 * Whether an object satisfies every requirement; `getField` gives a field's text, undefined counts
 * as ''.
 */
export function matchFields(
  selector: FieldSelector,
  getField: (field: string) => string | undefined,
): boolean {
  return selector.every(
    ({ field, operator, value }) => ((getField(field) ?? '') === value) === (operator === '='),
  );
}

/**
 * The one value that the selector demands of a field (metadata.name, for a watch of one object).
 */
export function requiredField(selector: FieldSelector, field: string): string | undefined {
  return selector.find((one) => one.field === field && one.operator === '=')?.value;
}

/** The text of a field selector; parsing it gives the same requirements. */
export function formatFieldSelector(selector: FieldSelector): string {
  return selector
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}
