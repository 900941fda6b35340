/**
 * Keeps the Service `kubernetes` in namespace `default`, which clients expect in every cluster. It
 * names the address that the federation is served at, stays home, and is headless: there is no
 * network here that could carry an address of its own.
 */
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { type PathParts, pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import { Controller } from '../reconcile/controller.ts';

const name = 'kubernetes';
const namespace = 'default';
/** How often it is looked at, as by kube-apiserver, milliseconds. */
const everyMs = 10_000;

export interface ApiServiceOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  /** Name or address, and port, that clients reach the API by. */
  readonly address: { readonly host: string; readonly port: number };
  /** Tells of every change of the served types; returns what ends it. */
  readonly onTypes: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class ApiService {
  readonly #options: ApiServiceOptions;
  readonly #controller: Controller;
  #unfollow: () => void = () => {};

  constructor(options: ApiServiceOptions) {
    this.#options = options;
    this.#controller = new Controller({
      ...options,
      name: 'api service',
      reconcile: async (_key, signal) => {
        for (const object of objectsOf(options.address)) await this.#ensure(object, signal);
        return { requeueAfterMs: everyMs };
      },
    });
  }

  start(): void {
    this.#controller.start();
    this.#controller.add(name);
    this.#unfollow = this.#options.onTypes(() => this.#controller.add(name));
  }

  async stop(): Promise<void> {
    this.#unfollow();
    await this.#controller.stop();
  }

  async #ensure(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const place = placeOf(object);
    if ((await client.find(pathOf({ ...place, name }), { signal })) !== undefined) return;
    try {
      await client.create(pathOf(place), object, { signal });
    } catch (error) {
      // Not found: its type comes with the first member.
      if (!isApiError(error, 'AlreadyExists') && !isApiError(error, 'NotFound')) throw error;
    }
  }
}

function placeOf({ kind }: KubeObject): PathParts {
  if (kind === 'Service') return { group: '', version: 'v1', resource: 'services', namespace };
  return { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', namespace };
}

function objectsOf({ host, port }: ApiServiceOptions['address']): KubeObject[] {
  const addressType = isIP(host) === 0 ? 'FQDN' : isIP(host) === 6 ? 'IPv6' : 'IPv4';
  const metadata = { name, namespace, labels: { component: 'apiserver', provider: name } };
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      clusterIP: 'None',
      ports: [{ name: 'https', protocol: 'TCP', port, targetPort: port }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
  };
  const slice: KubeObject = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType,
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: 'https', protocol: 'TCP', port }],
  };
  return [service, slice];
}
