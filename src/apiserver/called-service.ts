/** A Service that configuration names as the server to call, as kube-apiserver reads it. */
import type { Transport } from '../client/transport.ts';
import { isObject } from '../kube/object.ts';

export interface CalledService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/**
 * The way to a Service of the members. Its requests throw a TransportError whose message is what
 * kube-apiserver says of a Service that cannot be called.
 */
export type OpenService = (service: CalledService) => Transport;

/** From `clientConfig.service`; undefined when there is none. */
export function calledServiceOf(
  value: unknown,
): { readonly service: CalledService; readonly url: URL } | undefined {
  if (!isObject(value)) return undefined;
  const { namespace, name, port, path } = value;
  const service = {
    namespace: String(namespace ?? ''),
    name: String(name ?? ''),
    port: typeof port === 'number' ? port : 443,
  };
  return { service, url: serviceUrl(service, typeof path === 'string' ? path : '') };
}

/** As messages show it: with its port, even the usual one. */
export function shownOrigin(url: URL, service: CalledService | undefined): string {
  return service === undefined ? url.origin : `https://${url.hostname}:${service.port}`;
}

function serviceUrl({ name, namespace, port }: CalledService, path: string): URL {
  const slash = path.startsWith('/') ? '' : '/';
  return new URL(`https://${name}.${namespace}.svc:${port}${slash}${path}`);
}
