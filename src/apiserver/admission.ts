/**
 * What stands between a valid body and the store: functions that may change, warn about or refuse a
 * write.
 */
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type {
  DeleteOptions,
  Item,
  ObjectRef,
  RequestContext,
  User,
  WriteOptions,
} from './backend.ts';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly type: ResourceType;
  /** `name` is the final one, also after generateName. */
  readonly ref: ObjectRef;
  /**
   * As it would be stored, without resourceVersion; on DELETE the stored object. Never change it.
   */
  readonly object: KubeObject;
  /** The stored object; undefined on CREATE. Never change it. */
  readonly old: KubeObject | undefined;
  readonly options: Pick<WriteOptions, 'dryRun' | 'fieldManager'> & Partial<WriteOptions>;
  /** The name was made from generateName. */
  readonly nameGenerated?: boolean;
  /** On DELETE only. */
  readonly deletion?: DeleteOptions;
  /** Calls back when the write has ended, in whatever way. */
  onSettled?(settle: () => void): void;
}

/**
 * Gives the object to store (the one it got, or a changed copy); on DELETE the answer is ignored.
 * Refuses by throwing ApiError, warns through the context.
 */
export type Admit = (context: RequestContext, request: AdmissionRequest) => Promise<KubeObject>;

/**
 * The final removal of an object: by a DELETE without finalizers, or by the write that took the
 * last finalizer away.
 */
export interface Removal {
  readonly type: ResourceType;
  /** Its last state. */
  readonly item: Item;
  /** Absent when a write that took the last finalizer away removes it. */
  readonly options: DeleteOptions | undefined;
  readonly user: User;
}

/** A record to create in the same commit as the removal; replaced when one of its name is there. */
export interface Companion {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/** Synchronous and pure: called for each attempt to commit a removal. */
export type Companions = (removal: Removal) => readonly Companion[];

/** Admission in two phases: what may change the object comes before its validation. */
export interface Admission {
  readonly mutate: Admit;
  readonly validate: Admit;
}

/** Runs the functions one after the other, each on what the one before gave. */
export function admitAll(functions: readonly Admit[]): Admit {
  return async (context, request) => {
    let object = request.object;
    for (const admit of functions) object = await admit(context, { ...request, object });
    return object;
  };
}
