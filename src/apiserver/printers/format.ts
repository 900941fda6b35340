/** How kube-apiserver's printers write ages, labels, containers and quantities into Table cells. */
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';

export type Cell = string | number | bigint | boolean | null;

/**
 * The cells of one object, in the order of its kind's columns; `now` is wall time in milliseconds.
 */
export type Printer = (object: KubeObject, now: number) => Cell[];

const unknown = '<unknown>';
export const none = '<none>';
export const unset = '<unset>';

/** The text at a path, or ''. */
export function text(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** The number at a path, or `otherwise`. */
export function integer(value: unknown, path: readonly string[], otherwise = 0): number | bigint {
  const found = valueAt(value, ...path);
  return typeof found === 'number' || typeof found === 'bigint' ? found : otherwise;
}

/** The list at a path, or an empty one. */
export function list(value: unknown, ...path: readonly string[]): Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The object at a path, or an empty one. */
export function map(value: unknown, ...path: readonly string[]): JsonObject {
  const found = valueAt(value, ...path);
  return isObject(found) ? found : {};
}

export function flag(value: unknown, ...path: readonly string[]): boolean {
  return valueAt(value, ...path) === true;
}

export function has(value: unknown, ...path: readonly string[]): boolean {
  const found = valueAt(value, ...path);
  return found !== undefined && found !== null;
}

/** The condition of a type, as conditions are kept in status. */
export function condition(conditions: readonly Json[], type: string): Json | undefined {
  return conditions.find((each) => text(each, 'type') === type);
}

export function isConditionTrue(conditions: readonly Json[], type: string): boolean {
  return text(condition(conditions, type), 'status') === 'True';
}

/** A duration as kubectl shows it: 5m, 3h12m, 4d, 2y30d. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 2920 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(great: number, greatUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${great}${greatUnit}` : `${great}${greatUnit}${small}${smallUnit}`;
}

/** The time since an RFC 3339 timestamp. */
export function since(timestamp: string, now: number): string {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? unknown : humanDuration(now - at);
}

export function age(object: KubeObject, now: number): string {
  return since(object.metadata.creationTimestamp ?? '', now);
}

export function nameOf(object: KubeObject): string {
  return object.metadata.name ?? '';
}

/** `a=b,c=d`, sorted. */
export function labels(value: unknown): string {
  const entries = Object.entries(isObject(value) ? value : {});
  if (entries.length === 0) return none;
  return entries
    .map(([key, label]) => `${key}=${String(label)}`)
    .sort()
    .join(',');
}

/** A LabelSelector object as a selector's text; '' when it demands nothing. */
export function selectorText(selector: unknown): string {
  const terms: (readonly [string, string])[] = [];
  for (const [key, value] of Object.entries(map(selector, 'matchLabels')))
    terms.push([key, `${key}=${String(value)}`]);
  for (const expression of list(selector, 'matchExpressions')) {
    const key = text(expression, 'key');
    const values = list(expression, 'values').map(String).sort().join(',');
    switch (text(expression, 'operator')) {
      case 'In':
        terms.push([key, `${key} in (${values})`]);
        break;
      case 'NotIn':
        terms.push([key, `${key} notin (${values})`]);
        break;
      case 'Exists':
        terms.push([key, key]);
        break;
      case 'DoesNotExist':
        terms.push([key, `!${key}`]);
        break;
    }
  }
  terms.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return terms.map(([, term]) => term).join(',');
}

export function selector(value: unknown): string {
  return selectorText(value) || none;
}

/** Names and images of a pod spec's containers. */
export function containers(podSpec: unknown): [string, string] {
  const all = list(podSpec, 'containers');
  return [
    all.map((container) => text(container, 'name')).join(','),
    all.map((container) => text(container, 'image')).join(','),
  ];
}

/** A quantity as it is stored. */
export function quantity(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : '0';
}

/** The first `max` of a list; the rest is counted. */
export function firstOf(all: readonly string[], max: number, empty: string): string {
  if (all.length === 0) return empty;
  const shown = all.slice(0, max).join(',');
  return all.length > max ? `${shown} + ${all.length - max} more...` : shown || empty;
}

export function boolean(value: unknown): string {
  return value === true ? 'True' : value === false ? 'False' : unset;
}
