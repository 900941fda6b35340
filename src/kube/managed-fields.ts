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
} from './owners.ts';
import { apiVersionOf } from './resource.ts';
import type { TypeSchema } from './schema.ts';
import { formatTime } from './time.ts';
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
  const { live, object, schema } = options;
  const stored = live?.metadata.managedFields;
  const sent = sentOwners(options);
  const tracked = sent === undefined ? stored !== undefined && stored.length > 0 : sent.size > 0;
  // Objects that nobody tracked so far are tracked from their first apply on.
  if (!tracked && live?.metadata.uid !== undefined) return undefined;
  try {
    const changes = changesOf(options, live ?? emptyObject(schema), object);
    const same = changes.isSame();
    if (same && sent === undefined && !isRepeated(stored)) return stored;
    const owners = sent ?? readable(stored);
    if (options.subresource === 'scale' && !isTouched(owners, changes)) return stored;
    if (!same) giveToUpdater(owners, changes, options);
    return encodeOwners(owners);
  } catch (error) {
    if (error instanceof TypedError) return stored;
    throw error;
  }
}

/** A scale may have left two entries of one manager, the last of which is seen from then on. */
function isRepeated(entries: readonly ManagedFieldsEntry[] = []): boolean {
  return entries.some(({ time }) => time === undefined) && readable(entries).size < entries.length;
}

/** A Scale shows only those owners that own its replicas; where nobody does, nobody is tracked. */
function isTouched(owners: Owners, changes: Comparisons): boolean {
  return [...owners.values()].some(({ apiVersion, set }) => {
    const change = changes.at(apiVersion);
    if (change === undefined) return false;
    const changed = change.modified.union(change.added).union(change.removed);
    return !set.intersection(changed).isEmpty;
  });
}

/** What a create starts from: the type alone. */
export function emptyObject(schema: TypeSchema): KubeObject {
  return { apiVersion: apiVersionOf(schema), kind: schema.kind, metadata: {} };
}

/**
 * Clients may rewrite managedFields of the object itself; what they leave out or garble comes from
 * the stored object, for which this is undefined.
 */
function sentOwners({ live, object, subresource }: ManagedOptions): Owners | undefined {
  const sent = object.metadata.managedFields;
  if (subresource !== undefined || sent === undefined) return undefined;
  if (sent === live?.metadata.managedFields) return undefined;
  if (isReset(sent)) return new Map();
  if (deepEqual(sent, live?.metadata.managedFields)) return undefined;
  const owners = readable(sent);
  return owners.size > 0 ? owners : undefined;
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

/** Everything in `object` was written by one manager that nobody knows better. */
export function ownersOfUntracked(options: Omit<ManagedOptions, 'live'>): Owners {
  const owners: Owners = new Map();
  const changes = changesOf(options, emptyObject(options.schema), options.object);
  if (!changes.isSame()) giveToUpdater(owners, changes, options);
  return owners;
}

type Updater = Pick<ManagedOptions, 'schema' | 'manager' | 'now' | 'subresource'>;

function changesOf(
  { schema, resetFields }: Pick<ManagedOptions, 'schema' | 'resetFields'>,
  before: KubeObject,
  after: KubeObject,
): Comparisons {
  return new Comparisons({ schema, before, after, resetFields: resetSet(resetFields) });
}

/** Gives what changed to the manager of this update and takes it from all others. */
function giveToUpdater(owners: Owners, changes: Comparisons, options: Updater): void {
  const apiVersion = apiVersionOf(options.schema);
  const own = changes.at(apiVersion)!;
  for (const [identity, owner] of [...owners]) {
    const change = changes.at(owner.apiVersion);
    if (change === undefined) owners.delete(identity);
    else {
      const set = reconcileSet(owner.set, changes.schemaAt(owner.apiVersion)!.root);
      const left = set.difference(change.modified).difference(change.added);
      setFields(owners, identity, left.difference(change.removed));
    }
  }
  const taken = own.modified.union(own.added).difference(neverOwned);
  if (!taken.isEmpty) {
    const self: Omit<Owner, 'set'> = {
      manager: options.manager === '' ? 'unknown' : options.manager,
      operation: 'Update',
      apiVersion,
      subresource: options.subresource ?? '',
      time: formatTime(options.now),
      source: undefined,
    };
    const identity = identityOf(self);
    const previous = owners.get(identity);
    owners.set(identity, { ...self, set: previous ? taken.union(previous.set) : taken });
  }
  capUpdateOwners(owners);
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

  /** Nothing changed, as the version of this write sees it. */
  isSame(): boolean {
    return isSame(this.at(apiVersionOf(this.#options.schema))!);
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
