/** Derives default rules from what was sent and what a real API server answered. */
import { deepEqual, stringifyJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../src/kube/object.ts';
import type { DefaultRule, DefaultRules, RuleCondition } from '../../src/kube/recorded-defaults.ts';
import { isPresent, usesLatestImage } from '../../src/kube/recorded-defaults.ts';
import type { SchemaNode } from '../../src/kube/schema.ts';

/** One object of one definition, as sent and as answered. */
interface Sample {
  readonly kind: string;
  readonly sent: JsonObject;
  readonly answer: JsonObject;
}

interface Field {
  readonly definition: string;
  readonly name: string;
  readonly type: SchemaNode;
}

/** Members allocate these, admission adds them, or the life of an object does: no defaults. */
const neverDefaults: readonly RegExp[] = [
  /^io\.k8s\.apimachinery\./,
  /(?<!PersistentVolume|PersistentVolumeClaim|Namespace)Status#/,
  /\.CustomResourceDefinitionNames#/,
  /\.ServiceSpec#(clusterIPs?|ipFamilies|ipFamilyPolicy|healthCheckNodePort|allocateLoadBalancerNodePorts)$/,
  /\.ServicePort#nodePort$/,
  /\.PodSpec#(serviceAccount|serviceAccountName|tolerations|priority|preemptionPolicy|nodeName)$/,
  /\.PersistentVolumeClaimSpec#storageClassName$/,
  /\.JobSpec#selector$/,
  /\.NamespaceSpec#finalizers$/,
  /\.PersistentVolumeStatus#lastPhaseTransitionTime$/,
  /\.Lease#/,
];

/**
 * What one sample alone cannot show: two names of one field, and defaults that depend on the length
 * of a list or on what is already there.
 */
const known: DefaultRules = {
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior': [
    {
      field: 'scaleUp',
      value: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [
          {
            type: 'Pods',
            value: 4,
            periodSeconds: 15,
          },
          {
            type: 'Percent',
            value: 100,
            periodSeconds: 15,
          },
        ],
      },
      fills: true,
    },
    {
      field: 'scaleDown',
      value: {
        selectPolicy: 'Max',
        policies: [
          {
            type: 'Percent',
            value: 100,
            periodSeconds: 15,
          },
        ],
      },
      fills: true,
    },
  ],
  'io.k8s.api.core.v1.PodSpec': [
    {
      field: 'serviceAccountName',
      copy: 'serviceAccount',
    },
    {
      field: 'serviceAccount',
      mirrors: 'serviceAccountName',
    },
  ],
  'io.k8s.api.core.v1.ServiceSpec': [
    {
      field: 'externalTrafficPolicy',
      value: 'Cluster',
      when: {
        present: 'externalIPs',
        is: true,
      },
    },
  ],
};

export class DefaultSamples {
  readonly #samples = new Map<string, Sample[]>();
  readonly #nodes = new Map<string, SchemaNode>();

  add(kind: string, parts: { node: SchemaNode; sent: JsonObject; answer: JsonObject }): void {
    this.#visit(kind, parts.node, parts.sent, parts.answer);
  }

  #visit(kind: string, node: SchemaNode, sent: Json | undefined, answer: Json): void {
    const { definition, map, list } = node.shape;
    if (Array.isArray(answer) && list !== undefined) {
      // A list that was filled in says nothing about its elements: it is one value.
      if (Array.isArray(sent))
        for (const [i, item] of sent.entries()) this.#visit(kind, list.element, item, answer[i]!);
      return;
    }
    if (!isObject(answer) || map === undefined) return;
    const before = isObject(sent) ? sent : {};
    if (definition !== undefined && map.fields.size > 0) {
      const known = this.#samples.get(definition) ?? [];
      known.push({ kind, sent: before, answer });
      this.#samples.set(definition, known);
      this.#nodes.set(definition, node);
    }
    for (const [name, value] of Object.entries(answer)) {
      const type = map.fields.get(name) ?? map.element;
      if (type !== undefined) this.#visit(kind, type, before[name], value);
    }
  }

  /** The rules, and what could not be explained. */
  rules(): { rules: DefaultRules; unexplained: string[] } {
    const rules: Record<string, DefaultRule[]> = {};
    const unexplained: string[] = [];
    const definitions = new Set([...this.#samples.keys(), ...Object.keys(known)]);
    for (const definition of [...definitions].sort()) {
      const samples = this.#samples.get(definition) ?? [];
      const found: DefaultRule[] = [];
      for (const [name, type] of this.#nodes.get(definition)?.shape.map?.fields ?? []) {
        if (isNever(definition, name)) continue;
        const fitted = fit({ definition, name, type }, samples);
        if (fitted === undefined) unexplained.push(`${definition}#${name}`);
        else found.push(...fitted);
      }
      const all = [...ordered(found), ...(known[definition] ?? [])];
      if (all.length > 0) rules[definition] = all;
    }
    return { rules, unexplained };
  }
}

function isNever(definition: string, name: string): boolean {
  return neverDefaults.some((pattern) => pattern.test(`${definition}#${name}`));
}

/** Conditions on fields that are defaulted themselves come after those fields. */
function ordered(rules: DefaultRule[]): DefaultRule[] {
  const weight = ({ when, copy }: DefaultRule): number =>
    when?.field !== undefined || copy ? 1 : 0;
  return [...rules].sort((a, b) => weight(a) - weight(b));
}

interface Outcome {
  readonly sample: Sample;
  /** Undefined: nothing was filled in. */
  readonly value: Json | undefined;
  /** The client sent a zero value, which was replaced. */
  readonly zero: boolean;
}

function isZero(value: Json | undefined): boolean {
  return value === '' || value === 0 || value === false;
}

function outcomesOf({ name, type }: Field, samples: readonly Sample[]): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const sample of samples) {
    const sent = sample.sent[name];
    const answer = reduced(type, sample.answer[name]);
    const zero = isZero(sent) && !deepEqual(sent, answer);
    if (sent !== undefined && !zero) continue;
    // What the schema declares needs no rule, and a null is nothing.
    const declared = answer === null || deepEqual(answer, type.default);
    outcomes.push({ sample, zero, value: declared ? undefined : answer });
  }
  return outcomes;
}

/** Undefined when no rule explains the answers; an empty list when the field has no default. */
function fit(field: Field, samples: readonly Sample[]): DefaultRule[] | undefined {
  const outcomes = outcomesOf(field, samples);
  if (outcomes.every(({ value }) => value === undefined)) return [];
  const { name } = field;
  const overZero = outcomes.some(({ zero }) => zero) ? { overZero: true } : {};
  const simple = constant(outcomes);
  if (simple !== undefined) return [{ field: name, value: simple, ...overZero }];
  const copied = copyOf(name, outcomes);
  if (copied !== undefined) return [{ field: name, copy: copied, ...overZero }];
  for (const discriminate of discriminators(field, outcomes)) {
    const groups = new Map<string, { when: RuleCondition; outcomes: Outcome[] }>();
    for (const outcome of outcomes) {
      const when = discriminate(outcome.sample);
      const key = stringifyJson(when);
      const group = groups.get(key) ?? { when, outcomes: [] };
      group.outcomes.push(outcome);
      groups.set(key, group);
    }
    const rules = explained(name, [...groups.values()]);
    if (rules !== undefined) return rules.map((rule) => ({ ...rule, ...overZero }));
  }
  return undefined;
}

/**
 * Objects that were added hold what their own definition's rules fill in; only their being there is
 * a default here.
 */
function reduced(type: SchemaNode, value: Json | undefined): Json | undefined {
  const own = type.shape.definition !== undefined && (type.shape.map?.fields.size ?? 0) > 0;
  return own && isObject(value) ? {} : value;
}

function constant(outcomes: readonly Outcome[]): Json | undefined {
  const [first] = outcomes;
  if (first?.value === undefined) return undefined;
  return outcomes.every(({ value }) => deepEqual(value, first.value)) ? first.value : undefined;
}

function copyOf(name: string, outcomes: readonly Outcome[]): string | undefined {
  const [first] = outcomes;
  return Object.keys(first?.sample.answer ?? {}).find(
    (other) =>
      other !== name &&
      outcomes.every(
        ({ sample, value }) => value !== undefined && deepEqual(sample.answer[other], value),
      ),
  );
}

type Discriminate = (sample: Sample) => RuleCondition;

/**
 * From the most telling to the least: the image, the kind, a field's value or presence; then the
 * kind and one of these.
 */
function* discriminators(field: Field, outcomes: readonly Outcome[]): Generator<Discriminate> {
  const ofKind: Discriminate = ({ kind }) => ({ kind: [kind] });
  const kinds = new Set(outcomes.map(({ sample }) => sample.kind)).size;
  const single = [...ofFields(field, outcomes)];
  if (outcomes.some(({ sample }) => sample.answer.image !== undefined)) yield single[0]!;
  if (kinds > 1) yield ofKind;
  yield* single;
  if (kinds > 1)
    for (const one of single) yield (sample) => ({ ...ofKind(sample), ...one(sample) });
}

function* ofFields(field: Field, outcomes: readonly Outcome[]): Generator<Discriminate> {
  const siblings = new Set(outcomes.flatMap(({ sample }) => Object.keys(sample.answer)));
  siblings.delete(field.name);
  if (siblings.has('image')) yield ({ answer }) => ({ latestImage: usesLatestImage(answer.image) });
  for (const name of siblings) {
    if (isNever(field.definition, name)) continue;
    const values = outcomes.map(({ sample }) => sample.answer[name]);
    if (!values.every((value) => value === undefined || typeof value === 'string')) continue;
    if (new Set(values).size > 4) continue;
    yield ({ answer }) => ({ field: name, in: [valueAt(answer, name) ?? null] });
  }
  for (const name of siblings) yield ({ sent }) => ({ present: name, is: isPresent(sent[name]) });
  yield ({ sent }) => ({ only: Object.keys(sent).sort() });
}

function explained(
  name: string,
  groups: readonly { when: RuleCondition; outcomes: readonly Outcome[] }[],
): DefaultRule[] | undefined {
  const rules: DefaultRule[] = [];
  for (const { when, outcomes } of groups) {
    if (outcomes.every(({ value }) => value === undefined)) continue;
    const value = constant(outcomes);
    const copy = value === undefined ? copyOf(name, outcomes) : undefined;
    if (value === undefined && copy === undefined) return undefined;
    const rule: DefaultRule = {
      field: name,
      ...(value === undefined ? { copy: copy! } : { value }),
      when,
    };
    const like = rules.find(
      (other) => deepEqual(other.value, rule.value) && other.copy === rule.copy,
    );
    if (like === undefined) rules.push(rule);
    else if (!joined(like, rule)) rules.push(rule);
  }
  return rules;
}

/** Adds one rule's values to another's condition when they differ in one list only. */
function joined(into: DefaultRule, rule: DefaultRule): boolean {
  const [a, b] = [into.when!, rule.when!];
  for (const list of ['kind', 'in'] as const) {
    const [mine, theirs] = [a[list], b[list]];
    if (mine === undefined || theirs === undefined) continue;
    if (!deepEqual({ ...a, [list]: null }, { ...b, [list]: null })) continue;
    (mine as Json[]).push(...theirs);
    return true;
  }
  return false;
}
