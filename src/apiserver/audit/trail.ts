/** Turns requests into audit events, as much of each as the policy says, and hands them on. */
import type { Clock } from '../../base/clock.ts';
import type { Family, Metrics, Value } from '../../base/metrics.ts';
import { parseJson } from '../../kube/json.ts';
import { isObject, type Json, objectAt } from '../../kube/object.ts';
import { decodeProtobuf } from '../../kube/protobuf.ts';
import { apiVersionOf } from '../../kube/resource.ts';
import { parseYaml } from '../../kube/yaml.ts';
import { attributesOf } from '../auth/authorizer.ts';
import { bodyMax, mediaTypeOfHeader } from '../handlers/body.ts';
import { parseRequest } from '../request.ts';
import { isLongRunning, type Observer, type Trace } from '../trace.ts';
import type { ApiRequest, ApiResponse } from '../types.ts';
import {
  type AuditEvent,
  baseOf,
  lineOf,
  responseStatusOf,
  stampsOf,
  withIdentity,
} from './event.ts';
import type { AuditPolicy, AuditSettings, AuditStage } from './policy.ts';
import { redacted, redactedUri } from './redact.ts';

export interface AuditSink {
  /** Takes one event as a line; never waits, never throws. */
  write(line: string): void;
}

export interface AuditTrailOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
  /** For hashes of values that may not be shown. */
  readonly salt: string;
  readonly metrics?: Metrics;
}

/** A request that is being recorded. */
interface Entry {
  readonly settings: AuditSettings;
  readonly receivedAt: number;
  /** What has been read of the request's body. */
  readonly body: Buffer[];
}

type Base = ReturnType<typeof baseOf>;

export class AuditTrail implements Observer {
  readonly #options: AuditTrailOptions;
  readonly #entries = new WeakMap<Trace, Entry>();
  readonly #events: Value | undefined;
  readonly #levels: Family<Value> | undefined;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#events = metrics?.counter('apiserver_audit_event_total', 'Audit events made.').of();
    this.#levels = metrics?.counter('apiserver_audit_level_total', 'Requests by audit level.', [
      'level',
    ]);
  }

  identified(trace: Trace): void {
    const settings = this.#options.policy.settingsFor(trace.login, attributesOf(trace.info!));
    if (this.#levels !== undefined) this.#levels.of(settings.level).value++;
    if (settings.level === 'None') return;
    const body: Buffer[] = [];
    const entry = { settings, receivedAt: this.#options.clock.now(), body };
    this.#entries.set(trace, entry);
    if (needsBody(settings, trace)) trace.request = readAlong(trace.request, body);
    this.#emit(entry, 'RequestReceived', this.#base(trace, entry));
  }

  answered(trace: Trace, response: ApiResponse): void {
    const entry = this.#entries.get(trace);
    if (entry === undefined) {
      if (trace.login === undefined) this.#unauthenticated(trace, response);
      return;
    }
    const base = this.#complete(trace, entry, response);
    const { signal, user } = trace.request;
    const onEnd = (): void => this.#emit(entry, 'ResponseComplete', base);
    if (response.endless === true && isLongRunning(trace.info!)) {
      this.#emit(entry, 'ResponseStarted', base);
      // Streams within this process have no end that anybody is told of.
      if (user === undefined && !signal.aborted) {
        signal.addEventListener('abort', onEnd, { once: true });
        return;
      }
    }
    onEnd();
  }

  #base(trace: Trace, { settings }: Entry): Base {
    const base = baseOf(trace, settings.level);
    return { ...base, requestURI: redactedUri(base.requestURI) };
  }

  /** Everything but stage and time of a request that has been answered. */
  #complete(trace: Trace, entry: Entry, response: ApiResponse): Base {
    const { settings, body } = entry;
    const base = this.#base(trace, entry);
    const sent = withKind(base.verb, decodeRequest(trace, Buffer.concat(body)));
    const wholeAnswer = settings.level === 'RequestResponse';
    const got =
      wholeAnswer || response.status >= 400 || base.verb === 'delete'
        ? answerOf(trace, response)
        : undefined;
    const resource = trace.info?.target ?? { group: '', resource: '' };
    const redaction = { salt: this.#options.salt, omitManagedFields: settings.omitManagedFields };
    const show = (value: Json): Json => redacted(value, resource, redaction);
    const objectRef = withIdentity(base.objectRef, writes.has(base.verb) ? sent : undefined);
    const { decision } = trace;
    return {
      ...base,
      ...(objectRef !== undefined && { objectRef }),
      responseStatus: responseStatusOf(response.status, got),
      ...(settings.level !== 'Metadata' && sent !== undefined && { requestObject: show(sent) }),
      ...(wholeAnswer && got !== undefined && { responseObject: show(got) }),
      ...(decision !== undefined && {
        annotations: {
          'authorization.k8s.io/decision': decision.allowed ? 'allow' : 'forbid',
          'authorization.k8s.io/reason': decision.reason,
          ...issued(trace, response),
          ...Object.fromEntries(trace.annotations ?? []),
        },
      }),
    };
  }

  /** Nobody is known to have sent it; the policy is asked as if nobody had. */
  #unauthenticated(trace: Trace, response: ApiResponse): void {
    const { request } = trace;
    if (response.status !== 401 || trace.info === undefined) return;
    const attributes = attributesOf(parseRequest(request.method, request.path));
    const settings = this.#options.policy.settingsFor(undefined, attributes);
    if (settings.level === 'None') return;
    const entry = { settings, receivedAt: this.#options.clock.now(), body: [] };
    const tried = request.headers['authorization'] === undefined ? 'none' : 'bearer';
    const message = `Authentication failed, attempted: ${tried}`;
    const responseStatus = { metadata: {}, status: 'Failure', message, code: 401 };
    this.#emit(entry, 'ResponseStarted', { ...this.#base(trace, entry), responseStatus });
  }

  #emit({ settings, receivedAt }: Entry, stage: AuditStage, base: Base): void {
    if (settings.omitStages.has(stage)) return;
    const { sink, clock } = this.#options;
    const { level, auditID, ...rest } = base;
    const event: AuditEvent = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID,
      stage,
      ...rest,
      ...stampsOf(receivedAt, clock.now()),
    };
    if (this.#events !== undefined) this.#events.value++;
    sink.write(lineOf(event));
  }
}

const writes: ReadonlySet<string> = new Set(['create', 'update']);

/** Metadata wants to know what a new object is called; all above want the body. */
function needsBody({ level }: AuditSettings, { info, request }: Trace): boolean {
  if (request.body === undefined) return false;
  return level !== 'Metadata' || info?.verb === 'create';
}

/** The same request; what is read of its body is kept. */
function readAlong(request: ApiRequest, kept: Buffer[]): ApiRequest {
  const { body } = request;
  if (body === undefined) return request;
  if (Buffer.isBuffer(body)) {
    kept.push(body);
    return request;
  }
  return { ...request, body: along(body, kept) };
}

async function* along(body: AsyncIterable<Buffer>, kept: Buffer[]): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size <= bodyMax) kept.push(chunk);
    yield chunk;
  }
}

function decodeRequest({ request, call }: Trace, bytes: Buffer): Json | undefined {
  if (bytes.length === 0) return undefined;
  const media = mediaTypeOfHeader(request.headers['content-type']);
  const yaml = media.endsWith('yaml');
  return decode(bytes, yaml ? 'application/yaml' : media, call);
}

/** Which token was given out, never the token. */
function issued(trace: Trace, response: ApiResponse): Record<string, string> {
  const { resource, subresource } = trace.info?.target ?? {};
  if (resource !== 'serviceaccounts' || subresource !== 'token' || response.status !== 201)
    return {};
  const token = objectAt(answerOf(trace, response), 'status')?.['token'];
  const payload = typeof token === 'string' ? token.split('.')[1] : undefined;
  const claims = decode(Buffer.from(payload ?? '', 'base64url'), 'application/json', trace.call);
  const id = isObject(claims) ? claims['jti'] : undefined;
  if (typeof id !== 'string') return {};
  return { 'authentication.kubernetes.io/issued-credential-id': `JTI=${id}` };
}

/** Options of a deletion stand in kube-apiserver's log under the version it has within itself. */
function withKind(verb: string, sent: Json | undefined): Json | undefined {
  if (!verb.startsWith('delete') || !isObject(sent)) return sent;
  return { ...sent, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/__internal' };
}

/** An answer's body; streamed lists are left out: they are not held in memory for a log. */
export function answerOf({ call }: Trace, { body, headers }: ApiResponse): Json | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  return decode(body, mediaTypeOfHeader(String(headers['content-type'] ?? '')), call);
}

function decode(bytes: Buffer, media: string, call: Trace['call']): Json | undefined {
  try {
    if (media === 'application/vnd.kubernetes.protobuf') {
      const { type } = call!;
      const kind = { apiVersion: apiVersionOf(type), kind: type.kind };
      return decodeProtobuf(bytes, { default: kind }) as Json;
    }
    if (media === 'application/yaml') return parseYaml(bytes, { duplicates: 'report' }).value;
    return parseJson(bytes, { duplicates: 'report' }).value;
  } catch {
    // What is not understood was refused, or is no object: the event says so by its code.
    return undefined;
  }
}
