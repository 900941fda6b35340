/**
 * The annotations of Federation v1 as a placement, strictly: what cannot be read is refused, never
 * taken as "everywhere".
 */
import { checkRequirement, type LabelRequirement } from '../kube/label-requirement.ts';
import { isObject, type Json, type JsonObject, type KubeObject } from '../kube/object.ts';
import { isApiError, type StatusCause } from '../kube/status.ts';
import { type ClusterChoice, defaultRules, type PlacementRules, type WeightRule } from './rules.ts';

/** Which preferences annotation places which kind. */
const preferencesByKind: ReadonlyMap<string, string> = new Map([
  ['ReplicaSet', 'federation.kubernetes.io/replica-set-preferences'],
  ['Deployment', 'federation.kubernetes.io/deployment-preferences'],
  ['Job', 'federation.kubernetes.io/job-preferences'],
]);

export const selectorAnnotation = 'federation.alpha.kubernetes.io/cluster-selector';

/** Kinds on which another kind's annotation can only be a mistake. */
const workloads: ReadonlySet<string> = new Set([
  ...preferencesByKind.keys(),
  'ReplicationController',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
]);

/** Above it, cross products of the planner would not be exact. */
const weightMax = 1_000_000;
/** As large as spec.replicas can be. */
const replicasMax = 2 ** 31 - 1;
/** Nobody has more clusters; a longer list is an attack or a mistake. */
const entriesMax = 10_000;

export interface AnnotationRules {
  /** Undefined when the object carries none of the annotations, or a wrong one. */
  readonly rules: PlacementRules | undefined;
  /** Empty when all is well. */
  readonly causes: readonly StatusCause[];
}

/** The placement that an object's own annotations are. */
export function rulesFromAnnotations(object: KubeObject): AnnotationRules {
  const annotations = object.metadata.annotations ?? {};
  const causes: StatusCause[] = [];
  const key = preferencesByKind.get(object.kind);
  refuseOthers(object.kind, annotations, key, causes);
  const preferences = key && Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  const selector = Object.hasOwn(annotations, selectorAnnotation)
    ? annotations[selectorAnnotation]
    : undefined;
  const parsed =
    key === undefined || preferences === undefined
      ? undefined
      : parsePreferences(key, preferences, causes);
  const requirements = selector === undefined ? undefined : parseSelector(selector, causes);
  if (causes.length > 0 || (!parsed && !requirements)) return { rules: undefined, causes };
  const base = parsed ?? { ...defaultRules, source: selectorAnnotation };
  if (!requirements) return { rules: base, causes };
  return { rules: { ...base, clusters: { ...base.clusters, selector: requirements } }, causes };
}

function refuseOthers(
  kind: string,
  annotations: Readonly<Record<string, string>>,
  own: string | undefined,
  causes: StatusCause[],
): void {
  if (!workloads.has(kind)) return;
  for (const [other, key] of preferencesByKind) {
    if (key === own || !Object.hasOwn(annotations, key)) continue;
    const hint = own === undefined ? '' : `; use ${own}`;
    causes.push({
      reason: 'FieldValueForbidden',
      field: fieldOf(key),
      message: `Forbidden: places a ${other}, not a ${kind}${hint}`,
    });
  }
}

function fieldOf(key: string, rest = ''): string {
  return `metadata.annotations[${key}]${rest}`;
}

interface Reader {
  readonly key: string;
  readonly causes: StatusCause[];
}

function wrong(reader: Reader, at: string, value: unknown, why: string): undefined {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : show(value);
  reader.causes.push({
    reason: 'FieldValueInvalid',
    field: fieldOf(reader.key, at),
    message: `Invalid value: ${shown}: ${why}`,
  });
  return undefined;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').slice(0, 200);
}

function unknownFields(reader: Reader, at: string, value: JsonObject, known: string[]): void {
  for (const field of Object.keys(value))
    if (!known.includes(field))
      reader.causes.push({
        reason: 'FieldValueInvalid',
        field: fieldOf(reader.key, `${at}.${field.slice(0, 100)}`),
        message: `Invalid value: ${JSON.stringify(field.slice(0, 100))}: unknown field; known are ${known.join(', ')}`,
      });
}

function parseJson(reader: Reader, text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    return wrong(reader, '', text, `must be JSON: ${(error as SyntaxError).message}`);
  }
}

function parsePreferences(
  key: string,
  text: string,
  causes: StatusCause[],
): PlacementRules | undefined {
  const reader: Reader = { key, causes };
  const value = parseJson(reader, text);
  if (value === undefined) return undefined;
  if (!isObject(value)) return wrong(reader, '', text, 'must be a JSON object');
  unknownFields(reader, '', value, ['rebalance', 'clusters']);
  const rebalance = Object.hasOwn(value, 'rebalance') ? value['rebalance']! : false;
  if (typeof rebalance !== 'boolean') wrong(reader, '.rebalance', rebalance, 'must be a boolean');
  const listed = Object.hasOwn(value, 'clusters') ? parseClusters(reader, value['clusters']!) : {};
  if (causes.length > 0) return undefined;
  return {
    ...defaultRules,
    ...listed,
    source: key,
    mode: 'Divide',
    maxPercent: rebalance === true ? 100 : 0,
    // "rebalance: false" also means that what was spilled stays where it runs.
    spill: { ...defaultRules.spill, return: rebalance === true },
  };
}

function parseClusters(
  reader: Reader,
  value: Json,
): { weights: WeightRule[]; clusters?: ClusterChoice } | undefined {
  if (!isObject(value)) return wrong(reader, '.clusters', value, 'must be a JSON object');
  const names = Object.keys(value);
  if (names.length === 0) {
    reader.causes.push({
      reason: 'FieldValueRequired',
      field: fieldOf(reader.key, '.clusters'),
      message: 'Required value: an empty map chooses no cluster; name some, or "*" for all others',
    });
    return undefined;
  }
  if (names.length > entriesMax)
    return wrong(reader, '.clusters', names.length, `must have at most ${entriesMax} entries`);
  const weights: WeightRule[] = [];
  for (const name of names) {
    const at = `.clusters[${name.slice(0, 100)}]`;
    if (name !== '*' && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
      wrong(reader, at, name, 'must be "*" or the name of a cluster, a DNS label');
    const rule = parseEntry(reader, at, value[name]!);
    if (rule) weights.push(name === '*' ? rule : { ...rule, names: [name] });
  }
  return names.includes('*') ? { weights } : { weights, clusters: { names } };
}

function parseEntry(reader: Reader, at: string, value: Json): WeightRule | undefined {
  if (!isObject(value)) return wrong(reader, at, value, 'must be a JSON object');
  unknownFields(reader, at, value, ['minReplicas', 'maxReplicas', 'weight']);
  const min = integerOf(reader, at, value, 'minReplicas', replicasMax) ?? 0;
  const max = integerOf(reader, at, value, 'maxReplicas', replicasMax);
  // As in Federation v1, an entry without a weight gets its minimum only.
  const weight = integerOf(reader, at, value, 'weight', weightMax) ?? 0;
  if (max !== undefined && min > max)
    wrong(reader, `${at}.minReplicas`, min, `must be at most maxReplicas (${max})`);
  return { weight, min, ...(max === undefined ? {} : { max }) };
}

function integerOf(
  reader: Reader,
  at: string,
  value: JsonObject,
  field: string,
  most: number,
): number | undefined {
  const number = Object.hasOwn(value, field) ? value[field]! : null;
  if (number === null) return undefined;
  if (typeof number !== 'number' || !Number.isInteger(number))
    return wrong(reader, `${at}.${field}`, number, 'must be an integer');
  if (number < 0)
    return wrong(reader, `${at}.${field}`, number, 'must be greater than or equal to 0');
  if (number > most)
    return wrong(reader, `${at}.${field}`, number, `must be less than or equal to ${most}`);
  return number;
}

type Operator = LabelRequirement['operator'];

/** How Federation v1 spelt each operator. `=`, `==` and `!=` take exactly one value. */
const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ...spelt('In', 'in', 'In', '=', '=='),
  ...spelt('NotIn', 'notin', 'NotIn', '!='),
  ...spelt('Exists', 'exists', 'Exists'),
  ...spelt('DoesNotExist', '!', 'DoesNotExist'),
  ...spelt('Gt', 'gt', 'Gt', '>'),
  ...spelt('Lt', 'lt', 'Lt', '<'),
]);

function spelt(operator: Operator, ...spellings: string[]): [string, Operator][] {
  return spellings.map((spelling) => [spelling, operator]);
}

const single: ReadonlySet<string> = new Set(['=', '==', '!=']);

function parseSelector(text: string, causes: StatusCause[]): LabelRequirement[] | undefined {
  const reader: Reader = { key: selectorAnnotation, causes };
  const value = parseJson(reader, text);
  if (value === undefined) return undefined;
  if (!Array.isArray(value))
    return wrong(reader, '', text, 'must be a JSON array of {key, operator, values}');
  if (value.length === 0) {
    causes.push({
      reason: 'FieldValueRequired',
      field: fieldOf(selectorAnnotation),
      message:
        'Required value: an empty selector would choose every cluster; leave it out for that',
    });
    return undefined;
  }
  if (value.length > entriesMax)
    return wrong(reader, '', value.length, `must have at most ${entriesMax} entries`);
  const requirements: LabelRequirement[] = [];
  value.forEach((entry, i) => {
    const requirement = parseRequirement(reader, `[${i}]`, entry);
    if (requirement) requirements.push(requirement);
  });
  return causes.length > 0 ? undefined : requirements;
}

function parseRequirement(reader: Reader, at: string, value: Json): LabelRequirement | undefined {
  if (!isObject(value)) return wrong(reader, at, value, 'must be a JSON object');
  unknownFields(reader, at, value, ['key', 'operator', 'values']);
  const { key, operator: spelling, values: given } = value;
  if (typeof key !== 'string') return wrong(reader, `${at}.key`, key, 'must be a string');
  const operator = typeof spelling === 'string' ? operators.get(spelling) : undefined;
  if (operator === undefined) {
    const known = [...operators.keys()].map((name) => JSON.stringify(name)).join(', ');
    reader.causes.push({
      reason: 'FieldValueNotSupported',
      field: fieldOf(reader.key, `${at}.operator`),
      message: `Unsupported value: ${show(spelling)}: supported values: ${known}`,
    });
    return undefined;
  }
  const values = given ?? [];
  if (!Array.isArray(values) || !values.every((each) => typeof each === 'string'))
    return wrong(reader, `${at}.values`, values, 'must be an array of strings');
  if (single.has(spelling as string) && values.length !== 1)
    return wrong(reader, `${at}.values`, values, 'exactly one value is required');
  try {
    return checkRequirement({ key, operator, values });
  } catch (error) {
    if (!isApiError(error)) throw error;
    return wrong(reader, at, value, error.message);
  }
}
