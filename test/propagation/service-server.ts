/** A server behind a Service of members: what a pod would run, outside of any pod. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Joined } from './joined.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown> | undefined;
}

export interface ServiceServer {
  readonly port: number;
  /** Not of the loopback: no API server proxies to that. */
  readonly address: string;
  readonly asked: Asked[];
  stop(): Promise<void>;
}

/**
 * Its certificate is the federation's own: for 127.0.0.1 and localhost, never for a Service's name.
 */
export async function startServiceServer(
  joined: Joined,
  answer: (asked: Asked) => { readonly code?: number; readonly body: unknown },
): Promise<ServiceServer> {
  const pki = join(joined.federation.dataDir, 'pki');
  const [cert, key] = await Promise.all(
    ['server.crt', 'server.key'].map((file) => readFile(join(pki, file))),
  );
  const asked: Asked[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: text === '' ? undefined : JSON.parse(text) };
      asked.push(one);
      const { code = 200, body } = answer(one);
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    address: ownAddress(),
    asked,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new Error('this machine has no address besides the loopback');
  return found.address;
}

/** The Service in the federation, and behind its copy in a member a pod that has the address. */
export function service(namespace: string, name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { ports: [{ name: 'tls', port: 443, targetPort: 8443 }] },
  };
}

export async function backService(
  joined: Joined,
  member: string,
  at: { namespace: string; name: string; address: string; port: number },
): Promise<void> {
  const { namespace, name, address, port } = at;
  await joined.untilIn(member, `get service ${name} -n ${namespace} -o name`, `service/${name}`);
  await joined.in(member, 'create -f -', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: { containers: [{ name: 'c', image: 'c' }] },
  });
  const status = JSON.stringify({ status: { podIP: address, podIPs: [{ ip: address }] } });
  await joined.in(member, [
    ...['patch', 'pod', name, '-n', namespace, '--subresource=status', '-p', status],
  ]);
  await joined.in(member, 'create -f -', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: [address],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', namespace, name },
      },
    ],
    ports: [{ name: 'tls', port, protocol: 'TCP' }],
  });
}
