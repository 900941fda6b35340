/** Who manages which field: metadata.managedFields after a create, update or patch. */
import { FieldSet } from './field-set.ts';
import { deepEqual } from './json.ts';
import type { Json, KubeObject, ManagedFieldsEntry } from './object.ts';
import {
  capUpdateOwners,
  decodeOwners,
  encodeOwners,
  identityOf,
  type Owner,
  type Owners,
  reconcileSet,
  setFields,
  timeText,
} from './owners.ts';
import { apiVersionOf } from './resource.ts';
import type { TypeSchema } from './schema.ts';
import { TypedError } from './typed.ts';
import { type Comparison, compareTyped } from './typed-compare.ts';

export interface ManagedOptions {
  readonly schema: TypeSchema;
  /** The stored object; absent on create. */
  readonly live: KubeObject | undefined;
  /**
   * The object to be stored, after defaults; its managedFields are those that the client sent, if
   * any.
   */
  readonly object: KubeObject;
  readonly manager: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** 'status', 'scale' …; absent for the object itself. */
  readonly subresource?: string;
  /**
   * Fields that this endpoint never writes ([['status']] on the object, [['spec']] on status):
   * never owned by its writers.
   */
  readonly resetFields?: readonly (readonly string[])[];
}

/** The new metadata.managedFields (live's own array when nothing changed); undefined = none. */
export function updateManagedFields(options: ManagedOptions): ManagedFieldsEntry[] | undefined {
  const { live, object } = options;
  const stored = live?.metadata.managedFields;
  const { owners, entries } = ownersToStart(options);
  if (owners.size === 0 && live?.metadata.uid !== undefined) return undefined;
  try {
    const before = live ?? emptyObject(options.schema);
    if (!trackUpdate({ ...options, owners, before, after: object })) return entries;
  } catch (error) {
    if (error instanceof TypedError) return stored;
    throw error;
  }
  return encodeOwners(owners);
}

/** What a create starts from: the type alone. */
export function emptyObject(schema: TypeSchema): KubeObject {
  return { apiVersion: apiVersionOf(schema), kind: schema.kind, metadata: {} };
}

/**
 * Clients may rewrite managedFields of the object itself; what they leave out or garble comes from
 * the stored object.
 */
function ownersToStart(options: ManagedOptions): {
  owners: Owners;
  entries: ManagedFieldsEntry[] | undefined;
} {
  const { live, object, subresource } = options;
  const stored = live?.metadata.managedFields;
  const sent = object.metadata.managedFields;
  if (subresource === undefined && sent !== undefined && !deepEqual(sent, stored)) {
    if (isReset(sent)) return { owners: new Map(), entries: undefined };
    const owners = readable(sent);
    if (owners.size > 0) return { owners, entries: encodeOwners(owners) };
  }
  const owners = readable(stored);
  return { owners, entries: owners.size === 0 ? undefined : stored };
}

function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  if (!Array.isArray(entries)) return false;
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0);
}

function readable(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  try {
    return decodeOwners(entries);
  } catch {
    return new Map();
  }
}

export interface TrackOptions extends Omit<ManagedOptions, 'live' | 'object'> {
  /** Changed in place. */
  readonly owners: Owners;
  readonly before: KubeObject;
  readonly after: KubeObject;
}

/**
 * Gives what changed to the manager of this update and takes it from the others; false when nothing
 * did.
 * @throws TypedError when a list holds what cannot be named
 */
export function trackUpdate(options: TrackOptions): boolean {
  const { schema, owners, now, resetFields } = options;
  const versions = new Comparisons({ ...options, resetFields: resetSet(resetFields) });
  const own = versions.at(apiVersionOf(schema))!;
  if (isSame(own)) return false;
  for (const [identity, owner] of [...owners]) {
    const change = versions.at(owner.apiVersion);
    if (change === undefined) owners.delete(identity);
    else {
      const set = reconcileSet(owner.set, versions.schemaAt(owner.apiVersion)!.root);
      const left = set.difference(change.modified).difference(change.added);
      setFields(owners, identity, left.difference(change.removed));
    }
  }
  const taken = own.modified.union(own.added).difference(neverOwned);
  if (taken.isEmpty) {
    capUpdateOwners(owners);
    return true;
  }
  const self: Omit<Owner, 'set'> = {
    manager: options.manager === '' ? 'unknown' : options.manager,
    operation: 'Update',
    apiVersion: apiVersionOf(schema),
    subresource: options.subresource ?? '',
    time: timeText(now),
    source: undefined,
  };
  const identity = identityOf(self);
  const previous = owners.get(identity);
  owners.set(identity, { ...self, set: previous ? taken.union(previous.set) : taken });
  capUpdateOwners(owners);
  return true;
}

export function isSame(change: Comparison): boolean {
  return change.added.isEmpty && change.modified.isEmpty && change.removed.isEmpty;
}

/** The type and what the server itself writes. */
export const neverOwned = FieldSet.from([
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['f:metadata', `f:${name}`]),
]);

export function resetSet(fields: readonly (readonly string[])[] | undefined): FieldSet {
  if (fields === undefined || fields.length === 0) return FieldSet.empty;
  return FieldSet.from(fields.map((path) => path.map((name) => `f:${name}`)));
}

/**
 * What changed, seen by the schema of each version that an owner uses; objects look alike in all
 * versions.
 */
export class Comparisons {
  readonly #options: {
    readonly schema: TypeSchema;
    readonly before: KubeObject;
    readonly after: KubeObject;
    readonly resetFields: FieldSet;
  };
  readonly #known = new Map<string, Comparison | undefined>();

  constructor(options: {
    readonly schema: TypeSchema;
    readonly before: KubeObject;
    readonly after: KubeObject;
    readonly resetFields: FieldSet;
  }) {
    this.#options = options;
  }

  schemaAt(apiVersion: string): TypeSchema | undefined {
    return this.#options.schema.atVersion(apiVersion);
  }

  /** Undefined when that version is not served any more. */
  at(apiVersion: string): Comparison | undefined {
    if (this.#known.has(apiVersion)) return this.#known.get(apiVersion);
    const change = this.#compare(apiVersion);
    this.#known.set(apiVersion, change);
    return change;
  }

  #compare(apiVersion: string): Comparison | undefined {
    const { before, after, resetFields } = this.#options;
    const schema = this.schemaAt(apiVersion);
    if (schema === undefined) return undefined;
    const change = compareTyped({
      node: schema.root,
      before: withoutManagedFields(before),
      after: withoutManagedFields(after),
      native: schema.native,
    });
    if (resetFields.isEmpty) return change;
    return {
      added: change.added.recursiveDifference(resetFields),
      modified: change.modified.recursiveDifference(resetFields),
      removed: change.removed.recursiveDifference(resetFields),
    };
  }
}

/** The same object, shared but for its metadata. */
export function withoutManagedFields(object: KubeObject): Json {
  if (object.metadata?.managedFields === undefined) return object as unknown as Json;
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata } as unknown as Json;
}
