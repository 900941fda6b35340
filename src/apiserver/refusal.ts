/** Answers to what is no HTTP request: written by hand, since there is no response for it. */
import { STATUS_CODES } from 'node:http';
import { encodeJson } from '../kube/json.ts';

/** By what Node's parser says. */
const codes: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** The whole answer, as bytes for the socket. */
export function refusalOf(error: Error & { code?: string }): Buffer {
  const code = codes[error.code ?? ''] ?? 400;
  const message = code === 400 ? 'the request is no HTTP request' : STATUS_CODES[code]!;
  const body = encodeJson({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(code === 400 && { reason: 'BadRequest' }),
    code,
  });
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}
