/** Rules of ObjectMeta: names, labels, annotations, finalizers, owners, and what an update may not change. */
import type { KubeObject } from './object.ts';
import type { StatusCause } from './status.ts';

export interface MetaOptions {
  readonly type: {
    readonly group: string;
    readonly resource: string;
    readonly namespaced: boolean;
  };
  readonly object: KubeObject;
  /** The stored object on update; absent on create. */
  readonly old?: KubeObject;
}

/** Causes in kube-apiserver's words; empty = accepted. */
export function validateMeta(_options: MetaOptions): StatusCause[] {
  throw new Error('being written');
}
