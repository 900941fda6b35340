/**
 * Brings a live copy to what should be there: what we wrote before and no longer want goes, what
 * others added stays.
 */
import { setField } from '../kube/json.ts';
import { isObject, type Json, type JsonObject } from '../kube/object.ts';

/**
 * The keys by which a list's items are told apart, by the list's path of fields; undefined = the
 * list is one value.
 */
export type ListKeys = (path: readonly string[]) => readonly string[] | undefined;

export interface ThreeWay {
  /** What we wrote last; undefined = nothing is known to be ours, so nothing is removed. */
  readonly previous: Json | undefined;
  readonly desired: Json;
  /** What the member had made of `previous`; undefined = not known. */
  readonly baseline?: Json | undefined;
  readonly live: Json | undefined;
}

/**
 * The live value with our changes in it. Shares every unchanged part with `live`; returns `live`
 * itself when equal.
 */
export function mergeThreeWay(input: ThreeWay, listKeys: ListKeys): Json {
  return merge(input, { listKeys, path: [] });
}

function merge(input: ThreeWay, place: Place): Json {
  const { previous, desired, baseline, live } = input;
  // Nothing new is wanted, and nobody touched it: what the member made of it is not fought.
  if (live !== undefined && equal(desired, previous) && equal(baseline, live)) return live;
  if (isObject(desired) && isObject(live)) {
    const was = isObject(previous) ? previous : {};
    return mergeObjects(
      was,
      desired,
      { live, baseline: isObject(baseline) ? baseline : {} },
      place,
    );
  }
  if (Array.isArray(desired) && Array.isArray(live)) {
    const keys = place.listKeys(place.path);
    if (keys !== undefined) {
      const was = Array.isArray(previous) ? previous : [];
      const merged = mergeKeyed({ previous: was, desired, live }, keys, place);
      if (merged !== undefined) return merged;
    }
  }
  return live !== undefined && equal(desired, live) ? live : desired;
}

interface Place {
  readonly listKeys: ListKeys;
  /** The fields that lead to what is looked at: one array, which grows and shrinks on the way. */
  readonly path: string[];
}

function mergeObjects(
  previous: JsonObject,
  desired: JsonObject,
  { live, baseline }: { live: JsonObject; baseline: JsonObject },
  place: Place,
): JsonObject {
  let result: JsonObject | undefined;
  for (const field of Object.keys(live)) {
    const value = live[field]!;
    const wanted = own(desired, field);
    const was = own(previous, field);
    if (wanted === value || (wanted === undefined && was === undefined)) continue;
    place.path.push(field);
    const merged =
      wanted === undefined
        ? withoutOurs(was, value, place)
        : merge(
            { previous: was, desired: wanted, baseline: own(baseline, field), live: value },
            place,
          );
    place.path.pop();
    if (merged === value) continue;
    result ??= { ...live };
    if (merged === undefined) delete result[field];
    else setField(result, field, merged);
  }
  for (const field of Object.keys(desired)) {
    if (Object.hasOwn(live, field)) continue;
    result ??= { ...live };
    setField(result, field, desired[field]!);
  }
  return result ?? live;
}

/**
 * What is left of a live value when all that we wrote into it goes; undefined = nothing of anybody
 * else's.
 */
function withoutOurs(previous: Json | undefined, live: Json, place: Place): Json | undefined {
  if (isObject(previous) && isObject(live)) {
    const rest: JsonObject = {};
    for (const field of Object.keys(live)) {
      const value = live[field]!;
      const ours = own(previous, field);
      place.path.push(field);
      const kept = ours === undefined ? value : withoutOurs(ours, value, place);
      place.path.pop();
      if (kept !== undefined) setField(rest, field, kept);
    }
    return Object.keys(rest).length === 0 ? undefined : rest;
  }
  const both = Array.isArray(live) && Array.isArray(previous);
  const keys = both ? place.listKeys(place.path) : undefined;
  if (keys === undefined) return undefined;
  const ours = new Set((previous as Json[]).map((item) => keyOf(item, keys)));
  const rest = (live as Json[]).filter((item) => !ours.has(keyOf(item, keys)));
  return rest.length === 0 ? undefined : rest;
}

/**
 * Our order for our items, others' items behind them; undefined when keys are missing or double.
 */
function mergeKeyed(
  lists: { previous: readonly Json[]; desired: readonly Json[]; live: readonly Json[] },
  keys: readonly string[],
  place: Place,
): Json[] | undefined {
  const [previous, desired, live] = [lists.previous, lists.desired, lists.live].map((list) =>
    byKey(list, keys),
  );
  if (previous === undefined || desired === undefined || live === undefined) return undefined;
  const merged: Json[] = [];
  for (const [key, item] of desired) {
    merged.push(merge({ previous: previous.get(key), desired: item, live: live.get(key) }, place));
  }
  for (const [key, item] of live) {
    if (!desired.has(key) && !previous.has(key)) merged.push(item);
  }
  const same =
    merged.length === lists.live.length && merged.every((item, i) => item === lists.live[i]);
  return same ? (lists.live as Json[]) : merged;
}

function byKey(list: readonly Json[], keys: readonly string[]): Map<string, Json> | undefined {
  const map = new Map<string, Json>();
  for (const item of list) {
    const key = keyOf(item, keys);
    if (key === undefined || map.has(key)) return undefined;
    map.set(key, item);
  }
  return map;
}

/** Defaults of key fields that members fill in: a port without protocol is a TCP port. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

function keyOf(item: Json, keys: readonly string[]): string | undefined {
  if (!isObject(item)) return undefined;
  let text: string | undefined;
  for (const key of keys) {
    const value = own(item, key) ?? keyDefaults[key];
    if (value === undefined) return undefined;
    text = text === undefined ? String(value) : `${text}\u0000${String(value)}`;
  }
  return text;
}

/** An item's key as it is shown: `name=web`, `containerPort=80,protocol=TCP`. */
function shownKey(key: string, keys: readonly string[]): string {
  const values = key.split('\u0000');
  return keys.map((name, i) => `${name}=${values[i]}`).join(',');
}

/** The value of an own field, so that `constructor` and `__proto__` are fields like any other. */
function own(object: JsonObject, field: string): Json | undefined {
  return Object.hasOwn(object, field) ? object[field] : undefined;
}

export interface Difference {
  /** Such as `spec.template.spec.containers[name=web].image`. */
  readonly field: string;
  /** Undefined = not there. */
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
}

export interface CompareInput {
  /** What we own: only its fields are compared. */
  readonly rendered: Json;
  /** What the member had made of them when we wrote. */
  readonly baseline: Json | undefined;
  readonly live: Json | undefined;
}

/**
 * Where the live copy no longer says what the member answered to our write, within the fields that
 * we own.
 */
export function differences(
  input: CompareInput,
  listKeys: ListKeys,
  path: readonly string[] = [],
  shown = '',
): Difference[] {
  const { rendered, baseline, live } = input;
  if (baseline === live) return [];
  if (isObject(rendered) && isObject(baseline) && isObject(live)) {
    // What is equal is found so below, field by field.
    let found: Difference[] | undefined;
    for (const field in rendered) {
      const at = {
        rendered: rendered[field]!,
        baseline: own(baseline, field),
        live: own(live, field),
      };
      if (at.baseline === at.live) continue;
      const place = shown === '' ? field : `${shown}.${field}`;
      const more = differences(at, listKeys, [...path, field], place);
      found = found === undefined ? more : [...found, ...more];
    }
    return found ?? [];
  }
  if (equal(baseline, live)) return [];
  const keys = Array.isArray(rendered) ? listKeys(path) : undefined;
  if (
    keys !== undefined &&
    Array.isArray(rendered) &&
    Array.isArray(baseline) &&
    Array.isArray(live)
  ) {
    const maps = [rendered, baseline, live].map((list) => byKey(list, keys));
    const [ours, before, now] = maps;
    if (ours !== undefined && before !== undefined && now !== undefined) {
      return [...ours].flatMap(([key, item]) => {
        const at = { rendered: item, baseline: before.get(key), live: now.get(key) };
        if (equal(at.baseline, at.live)) return [];
        return differences(at, listKeys, path, `${shown}[${shownKey(key, keys)}]`);
      });
    }
  }
  return [{ field: shown, expected: baseline, actual: live }];
}

/** Equal as JSON, whatever the order of fields. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i])) return false;
    return true;
  }
  if (!isObject(a) || !isObject(b)) return false;
  // Objects that were parsed have no fields but their own.
  let fields = 0;
  for (const field in a) {
    if (!Object.hasOwn(b, field) || !equal(a[field], b[field])) return false;
    fields++;
  }
  for (const _ in b) fields--;
  return fields === 0;
}
