/** Audit events as audit.k8s.io/v1 has them, made of a request's trace. */
import { stringifyJson } from '../../kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../kube/object.ts';
import { formatMicroTime } from '../../kube/time.ts';
import type { User } from '../backend.ts';
import type { Trace } from '../trace.ts';
import type { AuditLevel, AuditStage } from './policy.ts';

export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: AuditLevel;
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: JsonObject;
  readonly impersonatedUser?: JsonObject;
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: JsonObject;
  readonly responseStatus?: JsonObject;
  readonly requestObject?: Json;
  readonly responseObject?: Json;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What is only known when an event is written. */
type Settled = 'kind' | 'apiVersion' | 'stage' | 'requestReceivedTimestamp' | 'stageTimestamp';

/** What an event says at every stage. */
export function baseOf(trace: Trace, level: AuditLevel): Omit<AuditEvent, Settled> {
  const { request, info, login, user } = trace;
  const agent = request.headers['user-agent'];
  const objectRef = referenceOf(trace);
  return {
    level,
    auditID: trace.auditId,
    requestURI: request.path,
    verb: info?.verb ?? request.method.toLowerCase(),
    user: login === undefined ? {} : userOf(login),
    ...(user !== undefined && user !== login && { impersonatedUser: userOf(user) }),
    ...sourcesOf(trace),
    ...(agent !== undefined && { userAgent: agent }),
    ...(objectRef !== undefined && { objectRef }),
  };
}

export function userOf({ name, uid, groups, extra }: User): JsonObject {
  return {
    username: name,
    ...(uid !== undefined && uid !== '' && { uid }),
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(Object.keys(extra).length > 0 && { extra: extra as unknown as JsonObject }),
  };
}

/** Proxies' headers first, the connection's own address last, each once. */
function sourcesOf({ request }: Trace): { sourceIPs?: string[] } {
  const { headers, remoteAddress } = request;
  const forwarded = (headers['x-forwarded-for'] ?? '').split(',').map((text) => text.trim());
  const all = [...forwarded, (headers['x-real-ip'] ?? '').trim(), remoteAddress ?? ''];
  const found = [...new Set(all.filter((text) => /^[0-9a-fA-F.:]{2,45}$/.test(text)))];
  return found.length === 0 ? {} : { sourceIPs: found };
}

function referenceOf({ info }: Trace): JsonObject | undefined {
  const target = info?.target;
  if (target === undefined) return undefined;
  const { group, version, resource, subresource, namespace, name } = target;
  return {
    ...(resource !== '' && { resource }),
    ...(namespace !== '' && { namespace }),
    ...(name !== '' && { name }),
    ...(group !== '' && { apiGroup: group }),
    apiVersion: version,
    ...(subresource !== '' && { subresource }),
  };
}

/** The reference with what the object itself tells: its name when it is new, uid, version. */
export function withIdentity(
  reference: JsonObject | undefined,
  body: Json | undefined,
): JsonObject | undefined {
  if (reference === undefined || !isObject(body) || !isObject(body['metadata'])) return reference;
  const { name, namespace, uid, resourceVersion } = body['metadata'];
  return {
    ...reference,
    ...(reference['namespace'] === undefined && namespace !== undefined && { namespace }),
    ...(reference['name'] === undefined && name !== undefined && { name }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** A refusal's Status without its details' weight, or the bare code. */
export function responseStatusOf(code: number, body: Json | undefined): JsonObject {
  if (isObject(body) && body['kind'] === 'Status') {
    const { status, message, reason, details } = body;
    return {
      metadata: {},
      ...(status !== undefined && { status }),
      ...(message && { message }),
      ...(reason && { reason }),
      ...(details !== undefined && { details }),
      code,
    };
  }
  return { metadata: {}, code };
}

export function lineOf(event: AuditEvent): string {
  return `${stringifyJson(event as unknown as Json)}\n`;
}

export function stampsOf(receivedAt: number, now: number) {
  return {
    requestReceivedTimestamp: formatMicroTime(receivedAt),
    stageTimestamp: formatMicroTime(now),
  };
}
