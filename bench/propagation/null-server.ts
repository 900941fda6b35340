/**
 * A server that does nothing but answer and notify: what the load generator reaches against it is
 * the generator's own limit.
 */

import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';

const watchers = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.url?.includes('watch=true')) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    watchers.add(response);
    response.on('close', () => watchers.delete(response));
    return;
  }
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      '{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":"1"},"items":[]}',
    );
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.writeHead(201, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
    const frame = Buffer.concat([
      Buffer.from('{"type":"ADDED","object":'),
      body,
      Buffer.from('}\n'),
    ]);
    for (const watcher of watchers) watcher.write(frame);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object')
    console.log(`http://127.0.0.1:${address.port}`);
});
