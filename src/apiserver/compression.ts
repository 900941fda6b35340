/** gzip for large bodies, at the level and above the size that kube-apiserver uses. */

import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { ApiResponse } from './types.ts';

const thresholdBytes = 128 * 1024;
const level = 1;

const gzipAsync = promisify(gzip);

/** Whether an Accept-Encoding header allows gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    if (name !== 'gzip' && name !== '*') return false;
    return !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** The response, compressed when that is worth it and wanted. */
export async function compressed(
  response: ApiResponse,
  acceptEncoding: string | undefined,
): Promise<ApiResponse> {
  const { body, headers } = response;
  if (headers['content-encoding'] !== undefined || !acceptsGzip(acceptEncoding)) return response;
  if (Buffer.isBuffer(body) && body.length <= thresholdBytes) return response;
  const packed = Buffer.isBuffer(body) ? await gzipAsync(body, { level }) : stream(body);
  const { 'content-length': _length, ...kept } = headers;
  const { pieces: _pieces, ...rest } = response;
  return {
    ...rest,
    headers: { ...kept, 'content-encoding': 'gzip', vary: 'Accept-Encoding' },
    body: packed,
  };
}

async function* stream(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const packer = createGzip({ level });
  const feeding = feed(body, packer);
  feeding.catch((error: unknown) => packer.destroy(error as Error));
  try {
    for await (const chunk of packer) yield chunk as Buffer;
  } finally {
    packer.destroy();
  }
}

async function feed(body: AsyncIterable<Buffer>, packer: ReturnType<typeof createGzip>) {
  for await (const chunk of body) {
    if (packer.destroyed) return;
    if (packer.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        packer.off('drain', settle);
        packer.off('close', settle);
        resolve();
      };
      packer.once('drain', settle);
      packer.once('close', settle);
    });
  }
  packer.end();
}
