/** Reads what an answer says beside its object: refusals, warnings, and when to come back. */
import { ApiError, type Status, type StatusReason } from '../kube/status.ts';

export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Longest part of a foreign body that an error message quotes, in characters. */
const quoteLimit = 200;

const reasons: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * The error of an answer that is not 2xx: its Status, or one made up for a server that sends none.
 */
export function errorOf(code: number, headers: AnswerHeaders, bytes: Buffer): ApiError {
  const retryAfterSeconds = retryAfterOf(headers);
  const status = statusOf(bytes);
  if (status !== undefined) {
    if (retryAfterSeconds !== undefined && status.details?.retryAfterSeconds === undefined) {
      status.details = { ...status.details, retryAfterSeconds };
    }
    return ApiError.fromStatus({ ...status, code: status.code || code });
  }
  const text = bytes
    .toString('utf8', 0, 4 * quoteLimit)
    .slice(0, quoteLimit)
    .trim();
  const message = `the server answered ${code}${text === '' ? '' : `: ${text}`}`;
  return new ApiError(reasons[code] ?? 'InternalError', message, {
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  });
}

function statusOf(bytes: Buffer): Status | undefined {
  // 0x7b is '{': HTML and plain text are not worth a parse.
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const parsed = JSON.parse(bytes.toString('utf8')) as Partial<Status>;
    if (parsed.kind !== 'Status' || parsed.apiVersion !== 'v1') return undefined;
    return parsed as Status;
  } catch {
    return undefined;
  }
}

/** The first value of a header. */
export function firstHeader(headers: AnswerHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' || value === undefined ? value : value[0];
}

/** Seconds of a Retry-After header in its numeric form; an HTTP date counts as absent. */
export function retryAfterOf(headers: AnswerHeaders): number | undefined {
  const value = firstHeader(headers, 'retry-after');
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}

/** Texts of the `Warning: 299 - "…"` headers. */
export function warningsOf(headers: AnswerHeaders): string[] {
  const value = headers['warning'];
  if (value === undefined) return [];
  const lines = typeof value === 'string' ? [value] : value;
  const texts: string[] = [];
  for (const line of lines) {
    for (const match of line.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
      texts.push(match[1]!.replaceAll(/\\(.)/g, '$1'));
    }
  }
  return texts;
}
