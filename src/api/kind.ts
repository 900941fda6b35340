/** What a kind of our own tells the API server: one file per kind, listed in kinds.ts. */
import type { JsonObject, KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { StatusCause } from '../kube/status.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly description: string;
  readonly format?: string;
  /** 0 = always shown; others only with -o wide. */
  readonly priority: number;
  /** As in a CRD's additionalPrinterColumns: `.status.ready`. */
  readonly jsonPath: string;
}

export interface Kind {
  readonly type: ResourceType;
  /** OpenAPI v3 of the whole object, as in a CRD's openAPIV3Schema. */
  readonly schema: JsonObject;
  readonly columns: readonly Column[];
  /** Records of our own: served to the federation itself only, in no discovery document. */
  readonly hidden?: boolean;
  /** What the schema cannot say; an empty list accepts. `old` is undefined on create. */
  validate?(object: KubeObject, old: KubeObject | undefined): StatusCause[];
}
