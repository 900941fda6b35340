/**
 * What two servers may answer differently, all of it. Everything else must be equal.
 */
import { deepEqual, parseJson, stringifyJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import type { Answer } from './endpoint.ts';

/** Values that each server makes up; they must be there on both sides or on none. */
const madeUp: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'time',
  'lastTransitionTime',
  'lastPhaseTransitionTime',
  'timeAdded',
]);

/**
 * Fields that a Service gets from the addresses of the cluster that it lives in. A federation has
 * none: members allocate them.
 */
const allocated: readonly string[] = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'];

/**
 * An answer without what may differ. `untold`: the refused patch is not compared as it is quoted.
 * Of a Secret kube-apiserver shows the whole object, we show the patch only; and Go's library takes
 * some directives and nulls out of a strategic patch before it is shown.
 */
export function normalised(
  { status, contentType, body, warnings }: Answer,
  untold = false,
): Omit<Answer, 'bytes'> {
  const compared = value(body, '');
  return {
    ...{ status, contentType },
    body: untold ? withoutPatch(compared) : compared,
    warnings: warnings
      .flatMap((header) => header.split(/, (?=299 - ")/))
      .filter((warning) => !aboutValues.test(warning) && !aboutPods.test(warning))
      .sort(),
  };
}

/** Members warn of values that make little sense together, as they refuse what makes none. */
const aboutValues = /^299 - "(spec|template)[.\w[\]]*: (duplicate|overlapping)/;

/** Not true of a federation: the copies go with their pods unless somebody asks to leave them. */
const aboutPods = /^299 - "child pods are preserved by default when jobs are deleted/;

function withoutPatch(body: Json): Json {
  const causes = isObject(body) && isObject(body.details) ? body.details.causes : undefined;
  if (!isObject(body) || !Array.isArray(causes)) return body;
  if (!causes.every((cause) => isObject(cause) && cause.field === 'patch')) return body;
  const why = causes.map(
    (cause) =>
      String((cause as JsonObject).message)
        .split(': ')
        .at(-1)!,
  );
  return { ...body, message: '', details: { causes: why } };
}

function value(json: Json, path: string): Json {
  if (Array.isArray(json)) {
    const items = json.map((item) => value(item, `${path}[]`));
    // Managers are sorted by time first, which two clocks do not share to the second; a conflict's
    // causes come in the order of a Go map.
    if (!/\.(managedFields|causes)$/.test(path)) return items;
    const sorted = items.toSorted(byText);
    // Of custom objects some causes are found twice.
    return sorted.filter((item, i) => i === 0 || !deepEqual(item, sorted[i - 1]!));
  }
  if (typeof json === 'string') return text(json);
  return isObject(json) ? fields(json, path) : json;
}

function byText(a: Json, b: Json): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** By it the federation knows a deletion whose orphans nobody has asked for. */
const ownAnnotation = 'ubernetes.dev/orphans-by-default';

function withoutOwn(annotations: Json): Json | undefined {
  if (!isObject(annotations) || annotations[ownAnnotation] === undefined) return annotations;
  const { [ownAnnotation]: _own, ...rest } = annotations;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

function fields(object: JsonObject, path: string): JsonObject {
  const out: JsonObject = {};
  for (const name of Object.keys(object).sort()) {
    if (/^(\.items\[\]|(\[\])?\.object)?\.spec$/.test(path) && allocated.includes(name)) continue;
    const inside = name === 'annotations' ? withoutOwn(object[name]!) : object[name]!;
    if (inside === undefined) continue;
    out[name] = madeUp.has(name) ? '*' : value(inside, `${path}.${name}`);
  }
  return out;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const quoted = /Invalid value: ("\{(?:[^"\\]|\\.)*\}")/g;

/** Uids and resourceVersions that messages quote, and objects whose fields have no order. */
function text(words: string): string {
  return words
    .replace(quoted, (_all, json: string) => `Invalid value: ${quotedObject(json)}`)
    .replace(misfits, misfitsWithoutOrder)
    .replace(goText, '$1string')
    .replace(uuid, '*')
    .replace(/(ResourceVersion in (?:record \(|object meta: ))\d+/g, '$1*');
}

/** What Go's source calls a type of text (`v1.DeviceTaintEffect`) stands in no OpenAPI document. */
const goText =
  /(cannot unmarshal (?:bool|number|array|object) into Go struct field \S+ of type )(?:\w+\.)+[A-Z]\w*$/;

const misfits = /(?<=^failed to create typed patch object \([^)]*\): )[\s\S]*$/;

/**
 * Problems of an applied patch come in the order of Go's maps, and the first undeclared field ends
 * the search among its siblings: the others are told or not, as it happens.
 */
function misfitsWithoutOrder(problems: string): string {
  const lines = problems.split('\n').map((line) => line.trim());
  const undeclared = 'field not declared in schema';
  return problems.includes(undeclared) ? undeclared : lines.sort().join('\n');
}

function quotedObject(json: string): string {
  try {
    return stringifyJson(value(parseJson(parseJson(json).value as string).value, ''));
  } catch {
    return json;
  }
}

/**
 * What only a member can judge: whether the values of a built-in kind make sense together. Here it
 * is left to preflight, a dry-run in a member, so that the federation alone accepts what a member
 * would refuse.
 */
export function isLeftToMembers(oracle: Answer, ours: Answer): boolean {
  if (oracle.status !== 422 || (ours.status >= 300 && ours.status !== 422)) return false;
  const told = ours.status === 422 ? causesOf(ours) : [];
  const left = causesOf(oracle).filter((cause) => !told.some((mine) => deepEqual(mine, cause)));
  return left.length > 0 && left.every(({ field }) => ownFields.test(String(field)));
}

/** Where the values of a kind stand: not its metadata and not the patch as such. */
const ownFields = /^(?!(metadata|patch)\b|<nil>$|$)/;

function causesOf({ body }: Answer): JsonObject[] {
  const causes = isObject(body) && isObject(body.details) ? body.details.causes : undefined;
  return Array.isArray(causes) ? causes.filter(isObject) : [];
}
