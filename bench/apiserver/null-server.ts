/**
 * A server that answers what a generator of API requests asks for without doing it: what the
 * generator reaches against it is the generator's own limit. `node null-server.ts FOLDER`: its
 * certificates go there.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { makeCertificates } from '../../testbed/certificates.ts';

const folder = process.argv[2]!;
const { servingFile, servingKeyFile, caPem } = await makeCertificates(folder);
const watchers = new Set<ServerResponse>();
let object = Buffer.alloc(0);
const lists = new Map<number, Buffer>();

function list(items: number): Buffer {
  const known = lists.get(items);
  if (known !== undefined) return known;
  const text = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[${Array.from({ length: items }, () => object.toString()).join(',')}]}`;
  lists.set(items, Buffer.from(text));
  return lists.get(items)!;
}

function answer(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function read(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  if (url.includes('watch=true')) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    watchers.add(response);
    response.on('close', () => watchers.delete(response));
  } else if (url.includes('limit=500')) answer(response, 200, list(500));
  else if (url.includes('limit=1')) answer(response, 200, list(1));
  else if (url.includes('labelSelector')) answer(response, 200, list(20));
  else if (url.endsWith('/configmaps')) answer(response, 200, list(2000));
  else answer(response, 200, object);
}

const server = createServer(
  { cert: readFileSync(servingFile), key: readFileSync(servingKeyFile) },
  (request, response) => {
    if (request.method === 'GET') {
      read(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (object.length === 0 && body.includes('"ConfigMap"')) object = body;
      answer(response, 201, body);
      if (request.method !== 'POST' || watchers.size === 0) return;
      const frame = Buffer.from(`{"type":"ADDED","object":${body.toString()}}\n`);
      for (const watcher of watchers) watcher.write(frame);
    });
  },
);

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object')
    console.log(JSON.stringify({ port: address.port, ca: caPem }));
});
