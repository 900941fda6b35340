/** One authorised request on its way to a backend: what every verb's handler is given. */

import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { GroupVersionKind, ResourceType, Subresource } from '../../kube/resource.ts';
import { badRequest } from '../../kube/status.ts';
import type { Backend, ObjectRef, RequestContext } from '../backend.ts';
import type { FrameCache } from '../frame-cache.ts';
import { isPathSegment, type RequestInfo, type ResourceTarget } from '../request.ts';
import type { Tables } from '../tables.ts';
import type { ApiRequest, ApiResponse } from '../types.ts';

/** What the handlers of one server share. */
export interface ServingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly tables: Tables;
  readonly frames: FrameCache;
}

export interface Call {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly target: ResourceTarget;
  readonly context: RequestContext;
  readonly type: ResourceType;
  /** Absent: the object itself. */
  readonly subresource: Subresource | undefined;
  readonly backend: Backend;
  readonly parts: ServingParts;
}

export type VerbHandler = (call: Call) => Promise<ApiResponse>;

/** What the path's objects are: the subresource's own kind, or the type's. */
export function kindOf(call: Call): GroupVersionKind {
  return call.subresource ?? call.type;
}

/** @throws ApiError 400 when the name cannot stand in a path */
export function refOf(call: Call): ObjectRef {
  const { type, target } = call;
  if (!isPathSegment(target.name)) {
    const why =
      target.name === '.' || target.name === '..'
        ? `may not be '${target.name}'`
        : `may not contain '${target.name.includes('/') ? '/' : '%'}'`;
    throw badRequest(`Name parameter invalid: ${quoteGo(target.name)}: ${why}`);
  }
  return {
    type,
    namespace: type.namespaced ? target.namespace : '',
    name: target.name,
    ...(target.subresource !== '' && { subresource: target.subresource }),
  };
}

export function userAgentOf(call: Call): string {
  return call.request.headers['user-agent'] ?? '';
}
