/**
 * Defaults that kube-apiserver fills in by code: recorded from a real one, as rules by definition.
 */
import recorded from './data/recorded-defaults.json' with { type: 'json' };
import { isObject, type Json, type JsonObject } from './object.ts';
import { fieldOf } from './typed.ts';

/** All that is named must hold. */
export interface RuleCondition {
  /** A field of the same object has one of these values; null stands for its absence. */
  field?: string;
  in?: Json[];
  /** The client sent this field, or did not. */
  present?: string;
  is?: boolean;
  /** The client sent no other fields than these. */
  only?: string[];
  /** The kind of the whole object. */
  kind?: string[];
  /** The image names no tag, or `latest`. */
  latestImage?: boolean;
}

export interface DefaultRule {
  readonly field: string;
  readonly value?: Json;
  /** The value of this other field. */
  readonly copy?: string;
  /** The field is another name of this one: it has its value, whatever it had before. */
  readonly mirrors?: string;
  /** `value` is an object: its fields go into the one that is there, too. */
  readonly fills?: boolean;
  readonly when?: RuleCondition;
  /** An empty string, 0 or false counts as left out: the field is no pointer in Go. */
  readonly overZero?: boolean;
}

/** Definition name → its rules, in the order in which they apply. */
export type DefaultRules = Readonly<Record<string, readonly DefaultRule[]>>;

const rules = new Map(Object.entries(recorded as DefaultRules));
// No pod is created with one, so that its defaults are not recorded: they are a container's.
rules.set('io.k8s.api.core.v1.EphemeralContainer', rules.get('io.k8s.api.core.v1.Container')!);

export function rulesOf(definition: string | undefined): readonly DefaultRule[] {
  return (definition === undefined ? undefined : rules.get(definition)) ?? none;
}

const none: readonly DefaultRule[] = [];

/**
 * What a rule fills in; undefined when the field is there or the condition does not hold. `object`:
 * with what was filled in so far; `sent`: as it came; `kind`: of the whole object.
 */
export function ruleValue(
  rule: DefaultRule,
  object: JsonObject,
  sent: JsonObject,
  kind: string,
): Json | undefined {
  if (rule.mirrors !== undefined) return mirrored(rule, rule.mirrors, object);
  const there = fieldOf(object, rule.field);
  if (rule.fills && isObject(there)) return filled(there, rule.value as JsonObject);
  if (there !== undefined && there !== null && !(rule.overZero && isZero(there))) return undefined;
  if (rule.when !== undefined && !holds(rule.when, { object, sent, kind })) return undefined;
  return rule.copy === undefined ? rule.value : fieldOf(object, rule.copy);
}

interface Parts {
  readonly object: JsonObject;
  readonly sent: JsonObject;
  readonly kind: string;
}

/** Undefined when nothing is missing. */
function filled(there: JsonObject, value: JsonObject): Json | undefined {
  return Object.keys(value).every((name) => fieldOf(there, name) !== undefined)
    ? undefined
    : { ...value, ...there };
}

function mirrored({ field }: DefaultRule, of: string, object: JsonObject): Json | undefined {
  const value = fieldOf(object, of) ?? '';
  return value === (fieldOf(object, field) ?? '') ? undefined : value;
}

function isZero(value: Json): boolean {
  return value === '' || value === 0 || value === false;
}

/** An empty string is what Go holds where nothing was sent. */
export function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== '';
}

function holds(when: RuleCondition, { object, sent, kind }: Parts): boolean {
  if (when.kind !== undefined && !when.kind.includes(kind)) return false;
  if (when.field !== undefined && !when.in!.includes(fieldOf(object, when.field) ?? null))
    return false;
  if (when.present !== undefined && isPresent(fieldOf(sent, when.present)) !== when.is)
    return false;
  if (when.only !== undefined && !Object.keys(sent).every((name) => when.only!.includes(name)))
    return false;
  if (when.latestImage === undefined) return true;
  return usesLatestImage(fieldOf(object, 'image')) === when.latestImage;
}

/** Whether a container image is pulled anew each time, as its tag says. */
export function usesLatestImage(image: Json | undefined): boolean {
  if (typeof image !== 'string') return false;
  if (image.includes('@')) return false;
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  return colon < 0 || name.slice(colon + 1) === 'latest';
}
