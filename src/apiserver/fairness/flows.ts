/**
 * Which priority level a request belongs to, and whose flow within it: FlowSchemas and
 * PriorityLevelConfigurations, compiled so that a request costs a few comparisons.
 */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';
import recorded from './default-flows.json' with { type: 'json' };

export interface Flow {
  /** Name of the priority level. */
  readonly level: string;
  /** Name of the FlowSchema that matched. */
  readonly schema: string;
  /** Whoever shares it shares a queue. */
  readonly distinguisher: string;
  /** Headers that name both to the client; none while they are not stored yet. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface LevelSpec {
  readonly name: string;
  /** Nominal concurrency shares. */
  readonly shares: number;
  /** Requests of one flow, and of all together, that may wait; 0: none. */
  readonly waitingPerFlow: number;
  readonly waiting: number;
}

export interface Flows {
  classify(user: User, info: RequestInfo): Flow;
  /** Without exempt ones, whose requests take no seat. */
  readonly levels: readonly LevelSpec[];
}

/** Those that every API server keeps, as they ought to be. */
export function defaultFlows(): KubeObject[] {
  return structuredClone(recorded) as unknown as KubeObject[];
}

/** Where a request goes that no FlowSchema speaks of. */
const catchAll = 'catch-all';
const precedenceUnlessSet = 1000;

interface Rule {
  matches(user: User, info: RequestInfo): boolean;
}

interface Schema {
  readonly flow: Flow;
  readonly by: string;
  readonly rules: readonly Rule[];
}

/** FlowSchemas whose level is not there count for nothing. */
export function compileFlows(objects: readonly KubeObject[]): Flows {
  const levels = new Map(
    objects
      .filter(({ kind }) => kind === 'PriorityLevelConfiguration')
      .map((level) => [level.metadata.name ?? '', level]),
  );
  const schemas = objects
    .filter(({ kind }) => kind === 'FlowSchema')
    .sort((a, b) => precedenceOf(a) - precedenceOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1))
    .flatMap((schema) => {
      const level = levels.get(String(valueAt(schema, ...levelPath)));
      return level === undefined ? [] : [compiled(schema, level)];
    });
  const last = flowOf(undefined, levels.get(catchAll));
  return {
    levels: [...levels.values()].flatMap(specOf),
    classify(user, info) {
      for (const { flow, by, rules } of schemas) {
        if (!rules.some((rule) => rule.matches(user, info))) continue;
        if (by === 'ByUser') return { ...flow, distinguisher: user.name };
        if (by === 'ByNamespace') return { ...flow, distinguisher: info.target?.namespace ?? '' };
        return flow;
      }
      return last;
    },
  };
}

const levelPath = ['spec', 'priorityLevelConfiguration', 'name'] as const;

/** The level that a FlowSchema names. */
export function levelNameOf(schema: KubeObject): string {
  return String(valueAt(schema, ...levelPath) ?? '');
}

function specOf(level: KubeObject): LevelSpec[] {
  const limited = objectAt(level, 'spec', 'limited');
  if (limited === undefined) return [];
  const queuing = objectAt(limited, 'limitResponse', 'queuing');
  const number = (of: JsonObject | undefined, field: string, unlessSet: number): number =>
    Number(of?.[field] ?? unlessSet);
  const length = queuing === undefined ? 0 : number(queuing, 'queueLengthLimit', 50);
  return [
    {
      name: nameOf(level),
      shares: number(limited, 'nominalConcurrencyShares', 30),
      // A hand of shuffled queues is what one flow may fill there.
      waitingPerFlow: length * number(queuing, 'handSize', 8),
      waiting: length * number(queuing, 'queues', 64),
    },
  ];
}

function compiled(schema: KubeObject, level: KubeObject): Schema {
  return {
    flow: flowOf(schema, level),
    by: String(valueAt(schema, 'spec', 'distinguisherMethod', 'type') ?? ''),
    rules: listOf(objectAt(schema, 'spec'), 'rules').map(ruleOf),
  };
}

function flowOf(schema: KubeObject | undefined, level: KubeObject | undefined): Flow {
  const [ofSchema, ofLevel] = [schema?.metadata.uid, level?.metadata.uid];
  return {
    level: level === undefined ? catchAll : nameOf(level),
    schema: schema === undefined ? catchAll : nameOf(schema),
    distinguisher: '',
    headers: {
      ...(ofSchema !== undefined && { 'x-kubernetes-pf-flowschema-uid': ofSchema }),
      ...(ofLevel !== undefined && { 'x-kubernetes-pf-prioritylevel-uid': ofLevel }),
    },
  };
}

function ruleOf(rule: JsonObject): Rule {
  const speaksOf = subjectsOf(rule);
  const resources = listOf(rule, 'resourceRules').map(resourceMatch);
  const others = listOf(rule, 'nonResourceRules').map(nonResourceMatch);
  return {
    matches: (user, info) =>
      speaksOf(user) && (info.target === undefined ? others : resources).some((one) => one(info)),
  };
}

function subjectsOf(rule: JsonObject): (user: User) => boolean {
  const [users, groups] = [new Set<string>(), new Set<string>()];
  for (const subject of listOf(rule, 'subjects')) {
    const at = (...path: string[]): string => String(valueAt(subject, ...path) ?? '');
    const account = 'system:serviceaccount';
    if (subject['kind'] === 'User') users.add(at('user', 'name'));
    else if (subject['kind'] === 'Group') groups.add(at('group', 'name'));
    else if (at('serviceAccount', 'name') === '*')
      groups.add(`${account}s:${at('serviceAccount', 'namespace')}`);
    else
      users.add(`${account}:${at('serviceAccount', 'namespace')}:${at('serviceAccount', 'name')}`);
  }
  const anybody = users.has('*') || groups.has('*');
  return (user) =>
    anybody || users.has(user.name) || (groups.size > 0 && user.groups.some((g) => groups.has(g)));
}

type Match = (info: RequestInfo) => boolean;

function resourceMatch(rule: JsonObject): Match {
  const verbs = oneOf(rule, 'verbs');
  const groups = oneOf(rule, 'apiGroups');
  const resources = oneOf(rule, 'resources');
  const namespaces = oneOf(rule, 'namespaces');
  const clusterScope = rule['clusterScope'] === true;
  return ({ verb, target }) => {
    if (target === undefined || !verbs(verb) || !groups(target.group)) return false;
    const { resource, subresource, namespace } = target;
    if (!resources(subresource === '' ? resource : `${resource}/${subresource}`)) return false;
    return namespace === '' ? clusterScope : namespaces(namespace);
  };
}

function nonResourceMatch(rule: JsonObject): Match {
  const verbs = oneOf(rule, 'verbs');
  const urls = strings(rule, 'nonResourceURLs');
  return ({ verb, path }) =>
    verbs(verb) &&
    urls.some((url) => (url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : path === url));
}

function oneOf(rule: JsonObject, field: string): (value: string) => boolean {
  const values = new Set(strings(rule, field));
  return values.has('*') ? () => true : (value) => values.has(value);
}

function strings(rule: JsonObject, field: string): string[] {
  const list = rule[field];
  return Array.isArray(list) ? list.map(String) : [];
}

function listOf(value: JsonObject | undefined, field: string): JsonObject[] {
  const list = value?.[field];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function precedenceOf(schema: KubeObject): number {
  return Number(valueAt(schema, 'spec', 'matchingPrecedence') ?? precedenceUnlessSet);
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? '';
}
