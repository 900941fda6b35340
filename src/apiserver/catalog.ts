/** The union of all served types: shipped ones, our own, and those of the members. */
import type { JsonObject } from '../kube/object.ts';

/** apidiscovery.k8s.io/v2, as far as we read it; `items` of /api and /apis together (the core group's name is ''). */
export interface AggregatedDiscovery {
  readonly items: readonly DiscoveredGroup[];
}

export interface DiscoveredGroup {
  readonly metadata: { readonly name?: string };
  /** The preferred version first. */
  readonly versions: readonly DiscoveredVersion[];
}

export interface DiscoveredVersion {
  readonly version: string;
  readonly freshness?: string;
  readonly resources?: readonly DiscoveredResource[];
}

export interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind?: DiscoveredKind | null;
  readonly scope: string;
  readonly singularResource?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly DiscoveredSubresource[];
}

export interface DiscoveredSubresource {
  readonly subresource: string;
  readonly responseKind?: DiscoveredKind | null;
  readonly verbs: readonly string[];
}

export interface DiscoveredKind {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
}

/** What one member serves. */
export interface MemberTypes {
  /** gitVersion, such as v1.37.2: of two documents of one group version the one of the newer member wins. */
  readonly version: string;
  readonly discovery: AggregatedDiscovery;
  /** By path as in the root document: 'api/v1', 'apis/apps/v1'. `hash` as in its serverRelativeURL. */
  readonly openapiV3: ReadonlyMap<string, { readonly hash: string; readonly bytes: Buffer }>;
  /** /openapi/v2 as gnostic protobuf (application/com.github.proto-openapi.spec.v2@v1.0+protobuf). */
  readonly openapiV2?: Buffer;
}

export type { JsonObject };
