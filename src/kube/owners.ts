/** The owners of an object's fields, decoded from metadata.managedFields and written back. */
import { FieldSet } from './field-set.ts';
import type { JsonObject, ManagedFieldsEntry } from './object.ts';
import type { SchemaNode } from './schema.ts';
import { fieldNode, isAtomicMap } from './typed.ts';

export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly set: FieldSet;
  readonly time: string | undefined;
  /** The entry it came from, as long as nothing of it has changed. */
  readonly source: ManagedFieldsEntry | undefined;
}

/** By identity, in the order of the list. */
export type Owners = Map<string, Owner>;

/** Updates of more managers than this are put together, the oldest first. */
const maxUpdateOwners = 10;

/**
 * What makes an owner one: appliers are one whatever version they use. Sorts as kube-apiserver
 * sorts managers.
 */
export function identityOf(owner: {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly subresource: string;
}): string {
  const { manager, operation, apiVersion, subresource } = owner;
  return JSON.stringify({
    ...(manager === '' ? {} : { manager }),
    operation,
    ...(operation === 'Apply' || apiVersion === '' ? {} : { apiVersion }),
    ...(subresource === '' ? {} : { subresource }),
  });
}

/** @throws SyntaxError for entries that cannot be read */
export function decodeOwners(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  const owners: Owners = new Map();
  if (!Array.isArray(entries)) return owners;
  for (const [index, entry] of entries.entries()) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      throw new SyntaxError('operation must be `Apply` or `Update`');
    if (!entry.apiVersion) throw new SyntaxError('apiVersion must not be empty');
    if (!entry.fieldsType)
      throw new SyntaxError(`missing fieldsType in managed fields entry ${index}`);
    if (entry.fieldsType !== 'FieldsV1') {
      const type = JSON.stringify(entry.fieldsType);
      throw new SyntaxError(`invalid fieldsType ${type} in managed fields entry ${index}`);
    }
    const owner: Owner = {
      manager: entry.manager ?? '',
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      subresource: entry.subresource ?? '',
      set: decodedSet(entry.fieldsV1),
      time: entry.time,
      source: entry,
    };
    owners.set(identityOf(owner), owner);
  }
  return owners;
}

/**
 * Stored objects are shared and never changed, so that their sets need to be read only once; the
 * sets are larger than what they were read from, and go when nobody has asked for a while.
 */
const decoded = new WeakMap<JsonObject, WeakRef<FieldSet>>();

function decodedSet(fields: JsonObject | undefined): FieldSet {
  if (fields === undefined) return FieldSet.empty;
  const known = decoded.get(fields)?.deref();
  if (known !== undefined) return known;
  const set = FieldSet.decode(fields);
  if (typeof fields === 'object' && fields !== null) decoded.set(fields, new WeakRef(set));
  return set;
}

/** Undefined when nobody owns anything. */
export function encodeOwners(owners: Owners): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  return [...owners.values()].sort(compareOwners).map((owner) => owner.source ?? encoded(owner));
}

function encoded(owner: Owner): ManagedFieldsEntry {
  const fieldsV1 = owner.set.encode();
  decoded.set(fieldsV1, new WeakRef(owner.set));
  return {
    ...(owner.manager === '' ? {} : { manager: owner.manager }),
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === undefined ? {} : { time: owner.time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(owner.subresource === '' ? {} : { subresource: owner.subresource }),
  };
}

function compareOwners(a: Owner, b: Owner): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whole seconds since the epoch; 0 when unknown. */
function secondsOf(owner: Owner): number {
  const time = owner.time === undefined ? 0 : Date.parse(owner.time);
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

/** The same owner with other fields; removed from `owners` when none are left. */
export function setFields(owners: Owners, identity: string, set: FieldSet): void {
  const owner = owners.get(identity);
  if (owner === undefined || owner.set === set) return;
  if (set.isEmpty) owners.delete(identity);
  else owners.set(identity, { ...owner, set, source: undefined });
}

/** Puts the oldest Update owners into one per version until no more than ten are left. */
export function capUpdateOwners(owners: Owners): void {
  const updates = [...owners].filter(([, owner]) => owner.operation === 'Update');
  let count = updates.length;
  if (count <= maxUpdateOwners) return;
  updates.sort(([a, x], [b, y]) => secondsOf(x) - secondsOf(y) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  for (const [identity, owner] of updates) {
    if (count <= maxUpdateOwners) break;
    const { apiVersion } = owner;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, identity);
      continue;
    }
    const ancient: Omit<Owner, 'set'> = {
      manager: 'ancient-changes',
      operation: 'Update',
      apiVersion,
      subresource: '',
      time: owner.time,
      source: undefined,
    };
    const bucket = identityOf(ancient);
    const before = owners.get(bucket) ?? owners.get(first);
    if (!owners.has(bucket)) owners.delete(first);
    const set = before === undefined ? owner.set : owner.set.union(before.set);
    owners.set(bucket, { ...ancient, set });
    owners.delete(identity);
    count--;
  }
}

/**
 * An owner's set after its type changed from granular to atomic: it then owns the whole instead of
 * the parts.
 */
export function reconcileSet(set: FieldSet, node: SchemaNode): FieldSet {
  let known = reconciledAt.get(node);
  if (known === undefined) {
    known = new WeakMap();
    reconciledAt.set(node, known);
  }
  let result = known.get(set);
  if (result === undefined) {
    result = reconciled(set, node, true);
    known.set(set, result);
  }
  return result;
}

/** Sets of objects of one kind are mostly the same one. */
const reconciledAt = new WeakMap<SchemaNode, WeakMap<FieldSet, FieldSet>>();

function reconciled(set: FieldSet, node: SchemaNode, root: boolean): FieldSet {
  const { map, scalar, list } = node.shape;
  if (set.children.size === 0) return set;
  if (map !== undefined) {
    if (map.preservesUnknown && map.fields.size === 0) return set;
    if (isAtomicMap(node) && !root) return FieldSet.leaf;
    return eachChild(set, (element) =>
      element.startsWith('f:') ? fieldNode(map, element.slice(2)) : map.element,
    );
  }
  if (scalar !== undefined || list === undefined) return set;
  if (list.relation === 'atomic' && !root) return FieldSet.leaf;
  return eachChild(set, () => list.element);
}

function eachChild(set: FieldSet, typeOf: (element: string) => SchemaNode | undefined): FieldSet {
  let children: Map<string, FieldSet> | undefined;
  for (const [element, child] of set.children) {
    const type = typeOf(element);
    const after = type === undefined ? child : reconciled(child, type, false);
    if (after === child) continue;
    children ??= new Map(set.children);
    children.set(element, after);
  }
  return children === undefined ? set : FieldSet.of(set.member, children);
}
