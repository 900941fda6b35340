/** Server-side apply: merges a configuration into the live object and tracks who owns what. */
import { type Conflict, conflictError } from './apply-conflict.ts';
import type { FieldSet } from './field-set.ts';
import { lastAppliedFields, syncLastApplied } from './last-applied.ts';
import {
  Comparisons,
  emptyObject,
  isSame,
  neverOwned,
  ownersOfUntracked,
  resetSet,
  withoutManagedFields,
} from './managed-fields.ts';
import type { Json, JsonObject, KubeObject } from './object.ts';
import {
  decodeOwners,
  encodeOwners,
  identityOf,
  type Owner,
  type Owners,
  reconcileSet,
  setFields,
} from './owners.ts';
import { apiVersionOf, parseApiVersion } from './resource.ts';
import type { SchemaNode, TypeSchema } from './schema.ts';
import { ApiError, badRequest } from './status.ts';
import { formatTime } from './time.ts';
import { TypedError } from './typed.ts';
import { joinProblems, typedProblems } from './typed-check.ts';
import { fieldsOf, withNamedFields } from './typed-fields.ts';
import { mergeTyped, removeTyped } from './typed-merge.ts';
import { settle } from './validate.ts';

export interface ApplyOptions {
  readonly schema: TypeSchema;
  /** Undefined: the apply creates. */
  readonly live: KubeObject | undefined;
  readonly patch: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly subresource?: string;
  readonly resetFields?: readonly (readonly string[])[];
}

export interface ApplyResult {
  /** With metadata.managedFields; defaults not yet applied. `live` itself when nothing changed. */
  readonly object: KubeObject;
  /** False: neither the object nor an owner changed, nothing needs to be stored. */
  readonly changed: boolean;
}

/**
 * Applies a configuration for one manager. Neither `live` nor `patch` is changed.
 * @throws ApiError 409 Conflict with FieldManagerConflict causes; 400 for a wrong version or
 * managedFields in the patch;
 * 500 `failed to create typed patch object` for duplicate keys, undeclared fields and wrong types
 */
export function applyPatch(options: ApplyOptions): ApplyResult {
  const { schema, patch, live } = options;
  checkPatch(schema, patch);
  const run = new Apply(options);
  let owners: Owners;
  let merged: Json;
  try {
    ({ owners, merged } = run.withLastApplied());
  } catch (error) {
    if (error instanceof TypedError) throw serverError(error.message);
    throw error;
  }
  const managedFields = encodeOwners(owners);
  const unchanged = live !== undefined && merged === run.liveJson;
  if (unchanged && sameEntries(managedFields, live.metadata.managedFields))
    return { object: live, changed: false };
  let object = merged as unknown as KubeObject;
  if (!unchanged) object = settle(schema, object, { keepsNulls: true });
  const metadata = {
    ...object.metadata,
    ...(managedFields === undefined ? {} : { managedFields }),
  };
  return { object: syncLastApplied({ ...object, metadata }, options), changed: true };
}

function sameEntries(
  a: readonly unknown[] | undefined,
  b: readonly unknown[] | undefined,
): boolean {
  const [left, right] = [a ?? [], b ?? []];
  return left.length === right.length && left.every((entry, i) => entry === right[i]);
}

function checkPatch(schema: TypeSchema, patch: KubeObject): void {
  const apiVersion = apiVersionOf(schema);
  if (patch.apiVersion !== apiVersion || patch.kind !== schema.kind) {
    const { group, version } = parseApiVersion(String(patch.apiVersion ?? ''));
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${patch.kind}`);
  }
  if ((patch.metadata as unknown as JsonObject | undefined)?.managedFields != null)
    throw badRequest('metadata.managedFields must be nil');
  const problems = typedProblems(schema.root, patch as unknown as Json);
  if (problems.length === 0) return;
  const { name = '', namespace = '' } = patch.metadata ?? {};
  const type = `${schema.group}/${schema.version}, Kind=${schema.kind}`;
  const where = `${namespace}/${name}; ${schema.group === '' ? `/${schema.version}, Kind=${schema.kind}` : type}`;
  throw serverError(`failed to create typed patch object (${where}): ${joinProblems(problems)}`);
}

/** 500 without a reason, as kube-apiserver answers what it did not expect. */
function serverError(message: string): ApiError {
  const error = new ApiError('InternalError', message);
  error.status.reason = '';
  return error;
}

interface Applied {
  readonly owners: Owners;
  readonly merged: Json;
}

class ConflictsFound extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super('conflicts');
    this.conflicts = conflicts;
  }
}

class Apply {
  /** The live object without managedFields. */
  readonly liveJson: Json;
  readonly #options: ApplyOptions;
  readonly #root: SchemaNode;
  readonly #identity: string;
  readonly #apiVersion: string;
  readonly #patch: Json;
  readonly #reset: FieldSet;

  constructor(options: ApplyOptions) {
    const { schema, live, manager, subresource = '' } = options;
    this.#options = options;
    this.#root = schema.root;
    this.#apiVersion = apiVersionOf(schema);
    this.#patch = options.patch as unknown as Json;
    this.#reset = resetSet(options.resetFields);
    this.liveJson = withoutManagedFields(live ?? emptyObject(schema));
    this.#identity = identityOf({
      manager,
      operation: 'Apply',
      apiVersion: this.#apiVersion,
      subresource,
    });
  }

  /** kubectl may take over what its client-side apply wrote, without conflicts. */
  withLastApplied(): Applied {
    const { force, manager } = this.#options;
    try {
      return this.#apply(force);
    } catch (error) {
      if (!(error instanceof ConflictsFound)) throw error;
      const allowed =
        manager === 'kubectl'
          ? lastAppliedFields(this.#options.schema, this.#options.live)
          : undefined;
      if (allowed === undefined) throw conflictError(error.conflicts);
      const left = error.conflicts.filter(({ path }) => !allowed.has(path));
      if (left.length > 0) throw conflictError(left);
      return this.#apply(true);
    }
  }

  #owners(): Owners {
    const { live, schema, now, subresource, resetFields } = this.#options;
    let owners: Owners;
    try {
      owners = decodeOwners(live?.metadata.managedFields);
    } catch (error) {
      throw serverError(`failed to decode managed fields: ${(error as Error).message}`);
    }
    if (owners.size > 0 || live === undefined) return owners;
    // Nobody knows who wrote what is there: that is one manager, older than all appliers.
    const manager = 'before-first-apply';
    return ownersOfUntracked({
      ...{ schema, object: live, now, manager },
      ...(subresource === undefined ? {} : { subresource }),
      ...(resetFields === undefined ? {} : { resetFields }),
    });
  }

  #apply(force: boolean): Applied {
    const owners = this.#owners();
    for (const [identity, owner] of [...owners]) {
      const schema = this.#options.schema.atVersion(owner.apiVersion);
      if (schema === undefined) owners.delete(identity);
      else setFields(owners, identity, reconcileSet(owner.set, schema.root));
    }
    const last = owners.get(this.#identity);
    const set = fieldsOf(this.#root, this.#patch).recursiveDifference(this.#reset);
    let merged = mergeTyped(this.#root, this.liveJson, this.#patch);
    if (last !== undefined) merged = this.#prune({ merged, owners, last, set });
    this.#own(owners, last, set.difference(neverOwned));
    if (merged !== this.liveJson) {
      this.#takeFromOthers(owners, merged, force);
      const self = owners.get(this.#identity);
      if (self !== undefined) this.#touch(owners, self);
    }
    return { owners, merged };
  }

  /** Records the applier's own set; an unchanged one keeps its entry. */
  #own(owners: Owners, last: Owner | undefined, set: FieldSet): void {
    if (set.isEmpty) {
      owners.delete(this.#identity);
      return;
    }
    const { manager, subresource = '' } = this.#options;
    const same = last !== undefined && last.apiVersion === this.#apiVersion && last.set.equals(set);
    owners.set(
      this.#identity,
      same
        ? last
        : {
            manager,
            operation: 'Apply',
            apiVersion: this.#apiVersion,
            subresource,
            set,
            time: last?.time,
            source: undefined,
          },
    );
  }

  #touch(owners: Owners, self: Owner): void {
    const time = formatTime(this.#options.now);
    if (self.time !== time) owners.set(this.#identity, { ...self, time, source: undefined });
  }

  /** Takes what changed from everybody else. @throws ConflictsFound unless forced */
  #takeFromOthers(owners: Owners, merged: Json, force: boolean): void {
    const changes = new Comparisons({
      schema: this.#options.schema,
      before: this.liveJson as unknown as KubeObject,
      after: merged as unknown as KubeObject,
      resetFields: this.#reset,
    });
    const conflicts: Conflict[] = [];
    const left = new Map<string, FieldSet>();
    for (const [identity, owner] of owners) {
      if (identity === this.#identity) continue;
      const change = changes.at(owner.apiVersion);
      if (change === undefined || isSame(change)) continue;
      const taken = owner.set.intersection(change.modified.union(change.added));
      if (!taken.isEmpty)
        for (const path of taken.paths()) conflicts.push({ identity, owner, path });
      left.set(identity, owner.set.difference(taken).difference(change.removed));
    }
    if (conflicts.length > 0 && !force) throw new ConflictsFound(conflicts);
    for (const [identity, set] of left) setFields(owners, identity, set);
  }

  /** Removes what the applier owned, does not mention any more (in `set`), and nobody else owns. */
  #prune(parts: { merged: Json; owners: Owners; last: Owner; set: FieldSet }): Json {
    const { merged, owners, last, set } = parts;
    const schema = this.#options.schema.atVersion(last.apiVersion);
    if (schema === undefined || last.set.difference(set).isEmpty) return merged;
    const { root } = schema;
    const lastSet = withNamedFields(last.set, root);
    let pruned = removeTyped(root, merged, lastSet);
    const others = [...owners.values()].filter((owner) => owner !== last);
    const all = [...others, { apiVersion: this.#apiVersion, set }];
    for (const [version, managed] of managedByVersion(all, last.apiVersion)) {
      const at = this.#options.schema.atVersion(version)?.root;
      if (at === undefined) continue;
      const kept = withNamedFields(fieldsOf(at, pruned), at).union(withNamedFields(managed, at));
      const present = withNamedFields(fieldsOf(at, merged), at);
      pruned = removeTyped(at, merged, present.difference(kept));
    }
    const before = withNamedFields(fieldsOf(root, merged), root);
    const after = withNamedFields(fieldsOf(root, pruned), root);
    const gone = before.difference(after).intersection(lastSet);
    return gone.isEmpty ? merged : removeTyped(root, merged, gone);
  }
}

/** What all owners own, by version, that of the pruned set first. */
function managedByVersion(
  owners: readonly Pick<Owner, 'apiVersion' | 'set'>[],
  first: string,
): Map<string, FieldSet> {
  const sets = new Map<string, FieldSet>();
  for (const { apiVersion, set } of owners)
    sets.set(apiVersion, sets.get(apiVersion)?.union(set) ?? set);
  const leading = sets.get(first);
  if (leading === undefined) return sets;
  sets.delete(first);
  return new Map([[first, leading], ...sets]);
}
