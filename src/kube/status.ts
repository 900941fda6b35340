/**
 * The error catalogue of the Kubernetes API: every refusal is a Status with a reason, a code and
 * causes.
 */

export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'ServerTimeout'
  | 'Timeout';

export const statusCodes: Readonly<Record<StatusReason, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
};

export interface StatusCause {
  /** FieldValueInvalid, FieldValueRequired, FieldValueNotSupported, FieldManagerConflict … */
  reason?: string;
  message?: string;
  /** A field path such as `spec.template.spec.containers[0].image`. */
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: StatusReason | string;
  details?: StatusDetails;
  code: number;
}

export interface ApiErrorOptions {
  readonly details?: StatusDetails;
  /** Overrides the reason's usual code. */
  readonly code?: number;
  /** A fresh, inconsistent continue token on an expired list. */
  readonly continueToken?: string;
  readonly cause?: unknown;
}

/**
 * An expected refusal, ours or a member's; the API server writes `status` to the client as it
 * stands.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: Status;

  constructor(reason: StatusReason, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: options.continueToken === undefined ? {} : { continue: options.continueToken },
      status: 'Failure',
      message,
      reason,
      ...(options.details === undefined ? {} : { details: options.details }),
      code: options.code ?? statusCodes[reason],
    };
  }

  /** An error from a Status that another server answered. */
  static fromStatus(status: Status): ApiError {
    const error = new ApiError('InternalError', status.message ?? 'unknown error');
    if (status.reason === undefined) delete error.status.reason;
    Object.assign(error.status, status);
    return error;
  }

  get code(): number {
    return this.status.code;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

export function isApiError(error: unknown, reason?: StatusReason): error is ApiError {
  return error instanceof ApiError && (reason === undefined || error.status.reason === reason);
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

function qualified(type: Named): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

export function notFound(type: Named, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(type)} ${JSON.stringify(name)} not found`, {
    details: { name, group: type.group, kind: type.resource },
  });
}

/** `deleting`: it is on its way out, so that trying again helps. */
export function alreadyExists(type: Named, name: string, deleting = false): ApiError {
  const prefix = deleting ? 'object is being deleted: ' : '';
  const message = `${prefix}${qualified(type)} ${JSON.stringify(name)} already exists`;
  return new ApiError('AlreadyExists', message, {
    details: { name, group: type.group, kind: type.resource },
  });
}

export function conflict(type: Named, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(type)} ${JSON.stringify(name)}: ${why}`;
  return new ApiError('Conflict', message, {
    details: { name, group: type.group, kind: type.resource },
  });
}

/** 500 as kube-apiserver tells of an error that has no reason. */
export function withoutReason(message: string): ApiError {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' } as const;
  return ApiError.fromStatus({ ...status, message, code: 500 });
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

/**
 * 422 with field causes, in kube-apiserver's wording: `Kind.group "name" is invalid: field:
 * message`.
 */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  causes: StatusCause[],
): ApiError {
  const texts = causes.map((cause) =>
    cause.field ? `${cause.field}: ${cause.message}` : (cause.message ?? ''),
  );
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError('Invalid', `${qualifiedKind} ${JSON.stringify(name)} is invalid: ${list}`, {
    details: { name, group: kind.group, kind: kind.kind, causes },
  });
}
