/**
 * Deletes objects: at once, or by a mark that their finalizers are waited for; what goes with a
 * removal is one commit with it.
 */
import type { Clock } from '../../base/clock.ts';
import { type Random, uuid } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import { apiVersionOf, groupResource, type ResourceType } from '../../kube/resource.ts';
import { type ApiError, conflict, notFound } from '../../kube/status.ts';
import { formatTime } from '../../kube/time.ts';
import { type Operation, PreconditionError } from '../../store/store.ts';
import type { AdmissionRequest, Admit, Companion, Companions, Removal } from '../admission.ts';
import type { DeleteOptions, ObjectRef, RequestContext } from '../backend.ts';
import { definitionsResource } from '../custom/custom-kind.ts';
import { markedDefinition } from '../custom/definition-rules.ts';
import { type Collections, keyBelow, type LiveCollection, prefixOf } from './collections.ts';
import { type Commits, modified } from './commit.ts';
import { itemOfObject, type StoredItem } from './item.ts';
import type { NamespaceGate } from './namespaces.ts';
import type { TypeBook } from './type-facts.ts';
import { formOf, servedAs } from './versions.ts';

const racesMax = 16;

export interface RemovalsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly types: TypeBook;
  readonly collections: Collections;
  readonly commits: Commits;
  readonly gate: NamespaceGate;
  readonly mutate?: Admit | undefined;
  readonly admit: Admit;
  readonly companions: Companions;
  /** Whether someone takes this finalizer away from objects of the type; else it is not set. */
  readonly processes: (type: ResourceType, finalizer: 'foregroundDeletion' | 'orphan') => boolean;
}

interface Admitted {
  /** Admission was asked about what the deletion is a consequence of. */
  readonly admitted?: boolean;
}

export interface Removed {
  readonly item: StoredItem;
  readonly gone: boolean;
}

export class Removals {
  readonly #options: RemovalsOptions;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  async delete(
    context: RequestContext,
    ref: ObjectRef,
    options: DeleteOptions & Admitted,
  ): Promise<Removed> {
    const { collections, gate } = this.#options;
    const live = await collections.load(ref.type);
    for (let races = 0; ; races++) {
      const current = live.items.get(keyBelow(ref));
      if (current === undefined) throw notFound(ref.type, ref.name);
      checkDeletePreconditions(current, ref, options);
      gate.checkDelete(ref.type, ref.name);
      try {
        return await this.#deleteOnce(context, { ref, options, live, current });
      } catch (error) {
        if (!(error instanceof PreconditionError)) throw error;
        if (races >= racesMax) throw modified(ref.type, ref.name);
      }
    }
  }

  async #deleteOnce(
    context: RequestContext,
    { ref, options, live, current }: Deletion,
  ): Promise<Removed> {
    const { type } = ref;
    const { mutate, admit, commits } = this.#options;
    const form = formOf(type, this.#options.types);
    const served = servedAs(current, form);
    const old = served.object();
    const admission: AdmissionRequest = {
      operation: 'DELETE',
      type,
      ref,
      object: old,
      old,
      options: { dryRun: options.dryRun, fieldManager: '' },
      deletion: options,
    };
    if (!options.admitted) {
      await mutate?.(context, admission);
      await admit(context, admission);
    }
    const marked = this.#marked(current.object(), type, options);
    if (isRemovable(marked)) {
      if (!options.dryRun) {
        const removal = { type, item: served, options, user: context.user };
        await this.remove(live, keyBelow(ref), removal);
      }
      return { item: served, gone: true };
    }
    if (marked === current.object()) return { item: served, gone: false };
    const { resourceVersion: _version, ...meta } = marked.metadata;
    const object = { ...marked, metadata: meta };
    if (options.dryRun) return { item: itemOfObject(object, current.resourceVersion), gone: false };
    const put = commits.put(live.items.prefix + keyBelow(ref), object, current.revision);
    const item = await commits.write(live, put);
    return { item: servedAs(item, form), gone: false };
  }

  /**
   * Removes an object for good, with the records that go with it, in one commit. @throws
   * PreconditionError
   */
  async remove(
    live: LiveCollection,
    key: string,
    removal: Removal & { readonly item: StoredItem },
  ): Promise<void> {
    const { companions, commits } = this.#options;
    const expect = removal.item.revision;
    const operations: Operation[] = [{ delete: live.items.prefix + key, expect }];
    for (const companion of companions(removal)) operations.push(this.#put(companion));
    await commits.run(operations);
  }

  #put({ type, object }: Companion): Operation {
    const { clock, random, commits } = this.#options;
    const { resourceVersion: _version, ...meta } = object.metadata;
    const metadata = {
      ...meta,
      uid: meta.uid ?? uuid(random),
      generation: 1,
      creationTimestamp: meta.creationTimestamp ?? formatTime(clock.now()),
    };
    const key = keyBelow({ namespace: meta.namespace ?? '', name: meta.name ?? '' });
    const whole = { ...object, apiVersion: apiVersionOf(type), kind: type.kind, metadata };
    return commits.put(prefixOf(type) + key, whole, undefined);
  }

  /** The object with its deletion written down; the object itself when that is so already. */
  #marked(object: KubeObject, type: ResourceType, options: DeleteOptions): KubeObject {
    const { metadata } = object;
    if (groupResource(type) === definitionsResource && metadata.deletionTimestamp === undefined)
      return markedDefinition(object, this.#options.clock.now());
    const finalizers = this.#finalizers(object, type, options);
    const annotations = withDefaulted(object, type, { options, finalizers });
    const isNamespace = type.group === '' && type.resource === 'namespaces';
    if (
      metadata.deletionTimestamp !== undefined &&
      finalizers === metadata.finalizers &&
      annotations === undefined
    )
      return object;
    return {
      ...object,
      metadata: {
        ...metadata,
        ...(finalizers === undefined ? {} : { finalizers }),
        ...(annotations === undefined ? {} : { annotations }),
        ...(metadata.deletionTimestamp !== undefined || metadata.generation === undefined
          ? {}
          : { generation: metadata.generation + 1 }),
        deletionTimestamp: metadata.deletionTimestamp ?? formatTime(this.#options.clock.now()),
        ...(isNamespace ? {} : { deletionGracePeriodSeconds: 0 }),
      },
      ...(isNamespace ? terminating(object) : {}),
    };
  }

  #finalizers(
    { metadata }: KubeObject,
    type: ResourceType,
    options: DeleteOptions,
  ): string[] | undefined {
    const { finalizers } = metadata;
    const wanted = wantedFinalizer(finalizers ?? [], type, options);
    if (wanted !== undefined && !this.#options.processes(type, wanted)) return finalizers;
    const others = (finalizers ?? []).filter((each) => !collecting.has(each));
    const kept = (finalizers ?? []).length - others.length;
    if (wanted === undefined) return kept === 0 ? finalizers : others;
    return kept === 1 && finalizers!.includes(wanted) ? finalizers : [...others, wanted];
  }
}

const collecting: ReadonlySet<string> = new Set(['foregroundDeletion', 'orphan']);

/** kube-apiserver leaves their dependents alone unless it is told otherwise. */
const orphanedByDefault: ReadonlySet<string> = new Set(['jobs.batch', 'replicationcontrollers']);
/**
 * Annotation on what waits for its dependents to be orphaned because that is its kind's default:
 * nobody has asked for more than that to be left behind.
 */
export const orphansByDefault = 'ubernetes.dev/orphans-by-default';
/** Nobody depends on them. */
const uncollected: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io']);

/** What the garbage collector is to do before the object goes; undefined: nothing. */
function wantedFinalizer(
  finalizers: readonly string[],
  type: ResourceType,
  { propagationPolicy }: DeleteOptions,
): 'foregroundDeletion' | 'orphan' | undefined {
  const resource = groupResource(type);
  if (uncollected.has(resource)) return undefined;
  if (propagationPolicy === 'Background') return undefined;
  if (propagationPolicy === 'Orphan') return 'orphan';
  if (propagationPolicy === 'Foreground') return 'foregroundDeletion';
  // An earlier DELETE or the object's author has said how.
  if (finalizers.includes('orphan')) return 'orphan';
  if (finalizers.includes('foregroundDeletion')) return 'foregroundDeletion';
  return orphanedByDefault.has(resource) ? 'orphan' : undefined;
}

/** The annotations of an object that is marked for deletion now, where they change. */
function withDefaulted(
  { metadata }: KubeObject,
  type: ResourceType,
  { options, finalizers }: { options: DeleteOptions; finalizers: string[] | undefined },
): Record<string, string> | undefined {
  const { annotations, deletionTimestamp } = metadata;
  if (options.propagationPolicy !== undefined) {
    if (annotations?.[orphansByDefault] === undefined) return undefined;
    const { [orphansByDefault]: _, ...others } = annotations;
    return others;
  }
  const byDefault =
    deletionTimestamp === undefined &&
    orphanedByDefault.has(groupResource(type)) &&
    finalizers?.includes('orphan') === true &&
    metadata.finalizers?.includes('orphan') !== true;
  return byDefault ? { ...annotations, [orphansByDefault]: 'true' } : undefined;
}

interface Deletion {
  readonly ref: ObjectRef;
  readonly options: DeleteOptions & Admitted;
  readonly live: LiveCollection;
  readonly current: StoredItem;
}

function terminating(namespace: KubeObject): { status: Record<string, unknown> } {
  return { status: { ...(namespace['status'] as object | undefined), phase: 'Terminating' } };
}

/** Marked for deletion, and nobody is waited for. */
export function isRemovable(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0) return false;
  if (object.kind !== 'Namespace' || object.apiVersion !== 'v1') return true;
  const spec = object['spec'] as { finalizers?: readonly string[] } | undefined;
  return (spec?.finalizers ?? []).length === 0;
}

function checkDeletePreconditions(
  current: StoredItem,
  { type, name }: ObjectRef,
  { preconditions: { uid, resourceVersion } }: DeleteOptions,
): void {
  const { uid: liveUid, resourceVersion: live } = current;
  const isNamespace = type.group === '' && type.resource === 'namespaces';
  // kube-apiserver names the kind here, but for namespaces.
  const named = isNamespace ? type : { group: type.group, resource: type.kind };
  const failed = (inPrecondition: string, otherwise: string): ApiError =>
    conflict(named, name, isNamespace ? `Precondition failed: ${inPrecondition}` : otherwise);
  if (uid !== undefined && uid !== liveUid)
    throw failed(
      `UID in precondition: ${uid}, UID in object meta: ${liveUid}`,
      `the UID in the precondition (${uid}) does not match the UID in record (${liveUid}). ` +
        'The object might have been deleted and then recreated',
    );
  if (resourceVersion !== undefined && resourceVersion !== live)
    throw failed(
      `ResourceVersion in precondition: ${resourceVersion}, ` +
        `ResourceVersion in object meta: ${live}`,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match ` +
        `the ResourceVersion in record (${live}). The object might have been modified`,
    );
}
