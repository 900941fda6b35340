/**
 * The seam between the HTTP half and what is served: which types exist, who serves each, and every
 * path that is no resource.
 */
import type { Column } from '../api/kind.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { Backend, RequestContext } from './backend.ts';
import type { ApiRequest, ApiResponse } from './types.ts';

/** What the handlers ask the catalog, on every request: answers come from memory. */
export interface TypeSource {
  /** The type served at `/apis/GROUP/VERSION/RESOURCE` (`group` '' = `/api`), or undefined: 404. */
  lookup(group: string, version: string, resource: string): ResourceType | undefined;
  /** Who serves a type that `lookup` returned. */
  backendFor(type: ResourceType): Backend;
  /**
   * Printer columns that the kind declares itself (our kinds, additionalPrinterColumns of a CRD),
   * without Name.
   * Absent: the built-in kind's columns, or Name and Age.
   */
  columnsFor?(type: ResourceType): readonly Column[] | undefined;
}

/**
 * Serves paths outside the resource tree: /version, /healthz, /livez, /readyz, /metrics, /api,
 * /apis,
 * /apis/GROUP, /apis/GROUP/VERSION, /openapi/…. The request is authenticated and authorised by
 * then.
 * Undefined: not mine, ask the next one; 404 when nobody answers.
 */
export interface NonResource {
  handle(
    context: RequestContext,
    request: ApiRequest,
  ): Promise<ApiResponse | undefined> | ApiResponse | undefined;
}
