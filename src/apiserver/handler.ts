/**
 * From a request to an answer: who asks, for what, may they, the verb's handler; every failure
 * becomes a Status.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { type Random, uuid } from '../base/random.ts';
import type { ResourceType, Subresource } from '../kube/resource.ts';
import { ApiError, isApiError } from '../kube/status.ts';
import { type Aggregated, serveAggregated } from './aggregated.ts';
import type { Authenticate } from './auth/authenticate.ts';
import { type Authorizer, attributesOf, forbidden } from './auth/authorizer.ts';
import { Impersonation } from './auth/impersonate.ts';
import type { RequestContext, User } from './backend.ts';
import type { Bodies } from './bodies.ts';
import { deprecationOf } from './deprecations.ts';
import type { Fairness } from './fairness/fairness.ts';
import { Overload } from './fairness/seats.ts';
import { FrameCache } from './frame-cache.ts';
import type { Call, ServingParts, VerbHandler } from './handlers/call.ts';
import { handleConnect, isConnect } from './handlers/connect.ts';
import { handleDelete, handleDeleteCollection } from './handlers/delete.ts';
import { handleGet, handleList, handleWatch } from './handlers/read.ts';
import { handleCreate, handlePatch, handleUpdate } from './handlers/write.ts';
import { parseRequest, type RequestInfo, type ResourceTarget } from './request.ts';
import { respondError } from './respond.ts';
import { Tables } from './tables.ts';
import { isLongRunning, type Observer, type Trace } from './trace.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from './types.ts';
import type { NonResource, TypeSource } from './types-source.ts';
import { Warnings } from './warnings.ts';

export interface HandlerOptions {
  readonly types: TypeSource;
  /** Asked in order; the first that answers serves the path. */
  readonly nonResources: readonly NonResource[];
  readonly authenticate: Authenticate;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Absent: as many requests are served at one time as come. */
  /** Absent: bodies hold as much as comes. */
  readonly bodies?: Bodies | undefined;
  readonly fairness?: Fairness;
  readonly observers?: readonly Observer[];
  /** Absent: every group is served here. */
  readonly aggregated?: Aggregated;
}

const handlers: ReadonlyMap<string, VerbHandler> = new Map([
  ['get', handleGet],
  ['list', handleList],
  ['watch', handleWatch],
  ['create', handleCreate],
  ['update', handleUpdate],
  ['patch', handlePatch],
  ['delete', handleDelete],
  ['deletecollection', handleDeleteCollection],
]);

/** Longest Audit-ID of a client that is taken over. */
const auditIdMax = 64;

export function createHandler(options: HandlerOptions): ApiHandler {
  const { clock, random, types } = options;
  const parts: ServingParts = {
    clock,
    random,
    tables: new Tables(types),
    frames: new FrameCache(),
  };
  const impersonation = new Impersonation(options.authorizer);
  return async (request) => {
    const warnings = new Warnings();
    const trace = newTrace(request, auditIdOf(request, random), clock);
    tell(options, (observer) => observer.begin?.(trace));
    const serving = { parts, impersonation, trace, warnings };
    const answer = await serve(options, serving).catch((error: unknown) =>
      respondFailure(error, options, trace),
    );
    const response = withHeaders(answer, trace, warnings);
    tell(options, (observer) => observer.answered(trace, response));
    return response;
  };
}

/** Whatever goes wrong in an observer, the request is answered. */
function tell({ observers = [], log }: HandlerOptions, what: (observer: Observer) => void): void {
  for (const observer of observers) {
    try {
      what(observer);
    } catch (error) {
      log.error('an observer of requests failed', { stack: stackOf(error) });
    }
  }
}

function newTrace(request: ApiRequest, auditId: string, clock: Clock): Trace {
  return {
    request,
    auditId,
    startedAt: clock.monotonic(),
    info: undefined,
    login: undefined,
    user: undefined,
    flow: undefined,
    decision: undefined,
    annotations: undefined,
    call: undefined,
  };
}

function auditIdOf(request: ApiRequest, random: Random): string {
  const sent = request.headers['audit-id'];
  if (sent !== undefined && sent !== '' && sent.length <= auditIdMax && /^[\x21-\x7e]+$/.test(sent))
    return sent;
  return uuid(random);
}

function withHeaders(
  response: ApiResponse,
  { auditId, flow }: Trace,
  warnings: Warnings,
): ApiResponse {
  const texts = warnings.headers();
  const headers = {
    'audit-id': auditId,
    'cache-control': 'no-cache, private',
    ...flow?.headers,
    ...response.headers,
    ...(texts.length > 0 && { warning: texts }),
  };
  return { ...response, headers };
}

interface Serving {
  readonly parts: ServingParts;
  readonly impersonation: Impersonation;
  readonly trace: Trace;
  readonly warnings: Warnings;
}

async function serve(options: HandlerOptions, serving: Serving): Promise<ApiResponse> {
  const { trace } = serving;
  const info = parseRequest(trace.request.method, trace.request.path);
  trace.info = info;
  const known = trace.request.user ?? (await options.authenticate(trace.request, info));
  if (known === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
  trace.login = known;
  tell(options, (observer) => observer.identified?.(trace));
  const asking = { user: known, attributes: attributesOf(info) };
  const user = await serving.impersonation.become(trace.request.headers, asking);
  trace.user = user;
  const release = await seatFor(options, trace, { user, info });
  if (release === undefined) return serveAs(options, serving, { user, info });
  try {
    return holdWhileSent(await serveAs(options, serving, { user, info }), trace, release);
  } catch (error) {
    release();
    throw error;
  }
}

interface Asked {
  readonly user: User;
  readonly info: RequestInfo;
}

/** What gives this request's seat back; undefined when it needs none. @throws Overload */
function seatFor({ fairness }: HandlerOptions, trace: Trace, { user, info }: Asked) {
  if (fairness === undefined || trace.request.user !== undefined) return undefined;
  // A watch takes a seat until it runs, other streams none.
  if (isLongRunning(info) && info.verb !== 'watch') return undefined;
  trace.flow = fairness.classify(user, info);
  return fairness.seats.enter(trace.flow, trace.request.signal);
}

/** A list that is streamed keeps its seat until the client has it, or has gone. */
function holdWhileSent(response: ApiResponse, trace: Trace, release: () => void): ApiResponse {
  const { signal } = trace.request;
  if (Buffer.isBuffer(response.body) || response.endless || signal.aborted) release();
  else signal.addEventListener('abort', release, { once: true });
  return response;
}

async function serveAs(
  options: HandlerOptions,
  { parts, trace, warnings }: Serving,
  { user, info }: Asked,
): Promise<ApiResponse> {
  const { auditId } = trace;
  const request = options.bodies?.counted(trace.request, user) ?? trace.request;
  await authorize(options.authorizer, trace, { user, info });
  const context: RequestContext = {
    user,
    auditId,
    signal: request.signal,
    warn: (text) => warnings.add(text),
    annotate(key, value) {
      trace.annotations ??= new Map();
      if (!trace.annotations.has(key)) trace.annotations.set(key, value);
    },
  };
  if (info.target === undefined) return serveNonResource(options, context, request);
  // What we ask ourselves is about objects of our own.
  const elsewhere =
    request.user === undefined
      ? options.aggregated?.(info.target.group, info.target.version)
      : undefined;
  if (elsewhere !== undefined) return serveAggregated(elsewhere, request);
  const call = resolve(options.types, { request, info, context, parts }, info.target);
  trace.call = call;
  if (isConnect(call)) return handleConnect(call);
  const handler = handlers.get(info.verb);
  if (handler === undefined || !allows(call)) throw methodNotAllowed();
  const deprecation = deprecationOf(info.target);
  if (deprecation !== undefined) context.warn(deprecation);
  return handler(call);
}

async function authorize(
  authorizer: Authorizer,
  trace: Trace,
  { user, info }: Asked,
): Promise<void> {
  const attributes = attributesOf(info);
  const decision = await authorizer.authorize(user, attributes);
  trace.decision = decision;
  if (!decision.allowed) throw forbidden(user, attributes, decision.reason);
}

async function serveNonResource(
  { nonResources }: HandlerOptions,
  context: RequestContext,
  request: ApiRequest,
): Promise<ApiResponse> {
  for (const candidate of nonResources) {
    const response = await candidate.handle(context, request);
    if (response !== undefined) return response;
  }
  throw noSuchPath();
}

/** The wording that client-go gives to a bare 404, so that tools print what users know. */
function noSuchPath(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', {
    details: {},
  });
}

function methodNotAllowed(): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    { details: {} },
  );
}

/** Finds type, subresource and backend of a resource path. @throws ApiError 404, 405 */
function resolve(
  types: TypeSource,
  base: Pick<Call, 'request' | 'info' | 'context' | 'parts'>,
  target: ResourceTarget,
): Call {
  const type = types.lookup(target.group, target.version, target.resource);
  if (type === undefined) throw noSuchPath();
  const isNamespace = type.group === '' && type.resource === 'namespaces';
  if (!type.namespaced && target.namespace !== '' && !isNamespace) throw noSuchPath();
  if (type.namespaced && target.namespace === '') {
    const { verb } = base.info;
    if (verb !== 'list' && verb !== 'watch')
      throw target.name === '' ? methodNotAllowed() : noSuchPath();
  }
  const subresource = subresourceOf(type, target);
  return { ...base, target, type, subresource, backend: types.backendFor(type) };
}

function subresourceOf(type: ResourceType, target: ResourceTarget): Subresource | undefined {
  if (target.subresource === '') return undefined;
  const found = type.subresources.find((each) => each.name === target.subresource);
  if (found === undefined) throw noSuchPath();
  return found;
}

/**
 * Whether the path's kind of thing has the verb: objects are created in collections, all else by
 * name.
 */
function allows({ info, request, target, type, subresource }: Call): boolean {
  if (request.method === 'HEAD') return false;
  if (subresource !== undefined) return target.name !== '' && subresource.verbs.includes(info.verb);
  if (!type.verbs.includes(info.verb)) return false;
  switch (info.verb) {
    case 'create':
      return target.name === '';
    case 'update':
    case 'patch':
      return target.name !== '';
    default:
      return true;
  }
}

function respondFailure(error: unknown, options: HandlerOptions, trace: Trace): ApiResponse {
  const { request, auditId } = trace;
  if (isApiError(error)) return respondError(error.status, request.headers);
  if (error instanceof Overload) return respondOverload(error);
  if (request.signal.aborted) {
    const gone = new ApiError('Timeout', 'Timeout: the client went away');
    return respondError(gone.status, request.headers);
  }
  options.log.error('a request failed unexpectedly', {
    auditId,
    method: request.method,
    path: request.path.split('?', 1)[0],
    error: error instanceof Error ? error.name : typeof error,
    stack: stackOf(error),
  });
  const message = `Internal error occurred: see the server's log for audit id ${auditId}`;
  const internal = new ApiError('InternalError', message, { details: {} });
  return respondError(internal.status, request.headers);
}

/** As kube-apiserver: no Status, since making one costs what is scarce. */
function respondOverload({ message }: Overload): ApiResponse {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'retry-after': '1',
  };
  return { status: 429, headers, body: Buffer.from(`${message}\n`) };
}

/** Where it happened, without the message: messages of parsers quote what they parse. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return '';
  return error.stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim())
    .join(' | ');
}
