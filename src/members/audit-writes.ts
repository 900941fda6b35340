/**
 * The writes to members in the audit log, tied to the request that last wrote their template: both
 * events have its audit id, and so has the member's own log, since the id travels along.
 */

import { type AuditEvent, lineOf, stampsOf } from '../apiserver/audit/event.ts';
import type { AuditPolicy } from '../apiserver/audit/policy.ts';
import { redacted } from '../apiserver/audit/redact.ts';
import { type AuditSink, answerOf } from '../apiserver/audit/trail.ts';
import { attributesOf } from '../apiserver/auth/authorizer.ts';
import type { User } from '../apiserver/backend.ts';
import { parseRequest, type RequestInfo, type ResourceTarget } from '../apiserver/request.ts';
import type { Observer, Trace } from '../apiserver/trace.ts';
import type { ApiResponse } from '../apiserver/types.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import { type Random, uuid } from '../base/random.ts';
import type { Transport, TransportRequest } from '../client/transport.ts';
import { parseJson } from '../kube/json.ts';
import { isObject, type Json, objectAt } from '../kube/object.ts';
import type { OpenTransport } from './connection.ts';

export interface AuditWritesOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  /** For hashes of values that may not be shown. */
  readonly salt: string;
}

/** As whom members see the federation. */
const itself: User = { name: 'system:ubernetes', groups: ['system:masters'], extra: {} };
const writing: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** So many templates' last requests are remembered; older ones are written without their cause. */
const causesMax = 20_000;

export class AuditWrites implements Observer {
  readonly #options: AuditWritesOptions;
  /** Object → audit id of the request that last wrote it, the oldest first. */
  readonly #causes = new BoundedMap<string, string>(causesMax);

  constructor(options: AuditWritesOptions) {
    this.#options = options;
  }

  answered(trace: Trace, response: ApiResponse): void {
    const target = trace.info?.target;
    const { request } = trace;
    if (target === undefined || request.user !== undefined || response.status >= 300) return;
    if (!writing.has(request.method)) return;
    const name = target.name || nameIn(answerOf(trace, response));
    if (name === '') return;
    this.#causes.set(keyOf(target, name), trace.auditId);
  }

  /** The same transports; their writes are recorded. */
  audited(open: OpenTransport): OpenTransport {
    return (cluster, credential) =>
      this.#recorded(open(cluster, credential), cluster.metadata.name ?? '');
  }

  #recorded(inner: Transport, cluster: string): Transport {
    return {
      request: async (request) => {
        const info = recordable(request);
        if (info === undefined) return inner.request(request);
        const sent = bodyOf(request);
        const name = info.target.name || nameIn(sent);
        const cause = this.#causes.get(keyOf(info.target, name));
        const auditID = cause ?? uuid(this.#options.random);
        const receivedAt = this.#options.clock.now();
        let code = 0;
        try {
          const headers = { ...request.headers, 'audit-id': auditID };
          const response = await inner.request({ ...request, headers });
          code = response.status;
          return response;
        } finally {
          this.#emit({ cluster, request, info, sent, auditID, cause, receivedAt, code, name });
        }
      },
      ...(inner.upgrade === undefined ? {} : { upgrade: (request) => inner.upgrade!(request) }),
      close: () => inner.close(),
    };
  }

  #emit(write: {
    cluster: string;
    request: TransportRequest;
    info: RequestInfo & { target: ResourceTarget };
    sent: Json | undefined;
    auditID: string;
    cause: string | undefined;
    receivedAt: number;
    code: number;
    name: string;
  }): void {
    const { policy, sink, clock, salt } = this.#options;
    const { cluster, request, info, sent, cause, code } = write;
    const settings = policy.settingsFor(itself, attributesOf(info));
    const { level, omitManagedFields } = settings;
    if (level === 'None' || settings.omitStages.has('ResponseComplete')) return;
    const { group, version, resource, namespace, subresource } = info.target;
    const shown = sent === undefined || level === 'Metadata' ? undefined : sent;
    const event: AuditEvent = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: write.auditID,
      stage: 'ResponseComplete',
      requestURI: `/clusters/${cluster}${request.path}`,
      verb: info.verb,
      user: { username: itself.name, groups: [...itself.groups] },
      objectRef: {
        resource,
        ...(namespace !== '' && { namespace }),
        ...(write.name !== '' && { name: write.name }),
        ...(group !== '' && { apiGroup: group }),
        apiVersion: version,
        ...(subresource !== '' && { subresource }),
      },
      responseStatus: code === 0 ? { metadata: {}, message: 'no answer' } : { metadata: {}, code },
      ...(shown !== undefined && {
        requestObject: redacted(shown, info.target, { salt, omitManagedFields }),
      }),
      ...stampsOf(write.receivedAt, clock.now()),
      annotations: {
        'ubernetes.dev/cluster': cluster,
        ...(cause !== undefined && { 'ubernetes.dev/caused-by': cause }),
      },
    };
    sink.write(lineOf(event));
  }
}

/** Writes of objects; neither dry-runs, which change nothing, nor the lease that is renewed. */
function recordable(request: TransportRequest) {
  if (!writing.has(request.method) || request.path.includes('dryRun=All')) return undefined;
  const info = parseRequest(request.method, request.path);
  const { target } = info;
  if (target === undefined || target.resource === 'leases') return undefined;
  return { ...info, target };
}

function keyOf({ group, resource, namespace }: ResourceTarget, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`;
}

function bodyOf({ body }: TransportRequest): Json | undefined {
  if (body === undefined || body.length === 0) return undefined;
  try {
    return parseJson(body, { duplicates: 'report' }).value;
  } catch {
    return undefined;
  }
}

function nameIn(body: Json | undefined): string {
  const name = isObject(body) ? objectAt(body, 'metadata')?.['name'] : undefined;
  return typeof name === 'string' ? name : '';
}
