/** The copies' statuses, made into one for the template. Pure. */
import { isObject, type Json, type JsonObject } from '../kube/object.ts';
import { addQuantity, formatQuantity, parseQuantity } from '../kube/quantity.ts';
import {
  guessOperation,
  negativeConditions,
  type Operation,
  ownStatus,
  statusRules,
} from './aggregate-rules.ts';
import { dataKey } from './render.ts';
import { equal } from './three-way.ts';

export interface CopyStatus {
  readonly cluster: string;
  /**
   * Out of reach: its last known status counts for sums that tell what exists, its replicas as
   * unavailable.
   */
  readonly reachable: boolean;
  /** The copy shows our newest rendering, and its controllers have seen it. */
  readonly current: boolean;
  readonly status: JsonObject | undefined;
}

export interface AggregateInput {
  readonly type: { readonly group: string; readonly resource: string };
  readonly generation: number;
  /** The template's status as stored. */
  readonly previous: JsonObject | undefined;
  /** One per cluster that the decision names, in the order of names. */
  readonly copies: readonly CopyStatus[];
  /** Replicas wanted by the template, where it has any. */
  readonly replicas: number | undefined;
}

/**
 * The template's new status, or undefined when its status is not ours to write or no copy has any.
 */
export function aggregate(input: AggregateInput): JsonObject | undefined {
  const { type, copies } = input;
  const key = dataKey(type);
  if (ownStatus.has(key)) return undefined;
  const statuses = copies.filter((copy) => copy.status !== undefined);
  if (statuses.length === 0) return undefined;
  const rules = statusRules[key] ?? {};
  const status: JsonObject = {};
  const single = copies.length === 1;
  for (const field of new Set(statuses.flatMap((copy) => Object.keys(copy.status!)))) {
    if (field === 'observedGeneration') continue;
    const values = statuses.flatMap((copy) => {
      const value = copy.status![field];
      return value === undefined
        ? []
        : [{ cluster: copy.cluster, reachable: copy.reachable, value }];
    });
    const operation = single ? 'first' : (rules[field] ?? guessOperation(field, values[0]!.value));
    const total = combine(operation, values, copies.length);
    if (total !== undefined) status[field] = total;
  }
  if (!single || !copies[0]!.reachable) countUnreachable(status, input);
  const observed = observedGeneration(input, statuses);
  return observed === undefined ? status : { observedGeneration: observed, ...status };
}

/** Replicas that nobody can ask are not ready, not available and not up to date. */
function countUnreachable(status: JsonObject, input: AggregateInput): void {
  const away = input.copies.filter((copy) => !copy.reachable && copy.status !== undefined);
  if (away.length === 0) return;
  for (const field of [
    'readyReplicas',
    'availableReplicas',
    'numberReady',
    'numberAvailable',
    'ready',
  ]) {
    if (typeof status[field] !== 'number') continue;
    for (const copy of away) status[field] -= numberOf(copy.status![field]);
    if (status[field] === 0 && field !== 'numberReady') delete status[field];
  }
  if (typeof status['replicas'] !== 'number' || dataKey(input.type) !== 'deployments.apps') return;
  const unavailable = status['replicas'] - numberOf(status['availableReplicas']);
  if (unavailable > 0) status['unavailableReplicas'] = unavailable;
}

/**
 * Only when every copy that can be asked has taken and seen the newest template; else what it was.
 */
function observedGeneration(
  input: AggregateInput,
  statuses: readonly CopyStatus[],
): number | undefined {
  if (!statuses.some((copy) => copy.status!['observedGeneration'] !== undefined)) return undefined;
  if (input.copies.every((copy) => copy.current || !copy.reachable)) return input.generation;
  const previous = input.previous?.['observedGeneration'];
  return typeof previous === 'number' ? previous : undefined;
}

interface Value {
  readonly cluster: string;
  readonly reachable: boolean;
  readonly value: Json;
}

function combine(operation: Operation, values: readonly Value[], copies: number): Json | undefined {
  const raw = values.map((each) => each.value);
  if (typeof operation === 'object') {
    return operation.worst.find((candidate) => raw.includes(candidate)) ?? raw[0];
  }
  switch (operation) {
    case 'sum':
      return raw.reduce<number>((total, value) => total + numberOf(value), 0);
    case 'max':
      return Math.max(...raw.map(numberOf));
    case 'min':
      return Math.min(...raw.map(numberOf));
    case 'earliest':
      return [...raw].sort()[0];
    case 'latest':
      // A time that one copy still lacks (a Job's completion) is not there yet.
      return [...raw].sort().at(-1);
    case 'union':
      return union(raw);
    case 'merge':
      return Object.assign({}, ...raw.filter(isObject)) as JsonObject;
    case 'sumQuantities':
      return sumQuantities(raw);
    case 'conditions':
      return conditions(values, copies);
    case 'same':
      return raw.every((value) => equal(value, raw[0])) ? raw[0] : undefined;
    case 'first':
      return raw[0];
  }
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** Lists without doubles; of objects (loadBalancer), each list in them. */
function union(values: readonly Json[]): Json {
  if (!values.every(isObject)) return withoutDoubles(values.flat());
  const fields = new Set(values.flatMap((value) => Object.keys(value)));
  return Object.fromEntries(
    [...fields].map((field) => [
      field,
      withoutDoubles(values.flatMap((value) => value[field] ?? [])),
    ]),
  );
}

function withoutDoubles(items: readonly Json[]): Json[] {
  const result: Json[] = [];
  for (const item of items) {
    if (!result.some((other) => equal(other, item))) result.push(item);
  }
  return result;
}

function sumQuantities(values: readonly Json[]): JsonObject {
  const total: JsonObject = {};
  for (const map of values.filter(isObject)) {
    for (const [name, quantity] of Object.entries(map)) {
      const before = Object.hasOwn(total, name) ? String(total[name]) : undefined;
      total[name] =
        before === undefined
          ? quantity
          : formatQuantity(addQuantity(parseQuantity(before), parseQuantity(String(quantity))));
    }
  }
  return total;
}

/**
 * One condition per type: the worst status decides, with its reason and the clusters that say so in
 * its message.
 */
function conditions(values: readonly Value[], copies: number): Json[] {
  const byType = new Map<string, { cluster: string; condition: JsonObject }[]>();
  for (const { cluster, value } of values) {
    for (const condition of Array.isArray(value) ? value : []) {
      if (!isObject(condition)) continue;
      const type = String(condition['type']);
      const group = byType.get(type);
      if (group === undefined) byType.set(type, [{ cluster, condition }]);
      else group.push({ cluster, condition });
    }
  }
  return [...byType].map(([type, said]) => combineCondition(type, said, copies));
}

function combineCondition(
  type: string,
  said: readonly { cluster: string; condition: JsonObject }[],
  copies: number,
): JsonObject {
  const badNews = negativeConditions.has(type);
  const order = badNews ? ['True', 'Unknown', 'False'] : ['False', 'Unknown', 'True'];
  const rank = (condition: JsonObject): number => order.indexOf(String(condition['status']));
  const worst = said.reduce((a, b) => (rank(b.condition) < rank(a.condition) ? b : a));
  // Complete, Ready … of a Job or a Service: not True before every copy says so.
  const missing = !badNews && said.length < copies && worst.condition['status'] === 'True';
  const agreeing = said.filter((each) => each.condition['status'] === worst.condition['status']);
  const result: JsonObject = { ...worst.condition };
  if (missing) {
    result['status'] = 'False';
    result['reason'] = 'NotEverywhere';
    result['message'] = `${said.length} of ${copies} clusters report ${type}`;
  } else if (agreeing.length < said.length) {
    result['message'] =
      `${agreeing.map((each) => each.cluster).join(', ')}: ${worst.condition['message'] ?? ''}`;
  }
  for (const field of ['lastTransitionTime', 'lastUpdateTime']) {
    const times = agreeing
      .map((each) => each.condition[field])
      .filter((time) => typeof time === 'string');
    if (times.length > 0) result[field] = times.sort().at(-1)!;
  }
  return result;
}
