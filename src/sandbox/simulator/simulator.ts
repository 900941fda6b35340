/** What controller manager, scheduler, kubelets and a cloud do in a cluster, inside the process. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { RestClient } from '../../client/rest.ts';
import type { Transport } from '../../client/transport.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { NamespaceLifecycle } from '../../lifecycle/namespaces.ts';
import { ServiceAccounts } from '../../lifecycle/service-accounts.ts';
import { Controller, type Reconcile } from '../../reconcile/controller.ts';
import { Followed } from './followed.ts';
import { GarbageCollector } from './garbage.ts';
import { type KindName, kinds } from './kinds.ts';
import { ensureNodes, type NodesOptions } from './nodes.ts';
import { reconcileService } from './services.ts';
import { podWorkloads, type Workloads } from './workloads.ts';

export interface SimulatorOptions {
  /** To the member's own API server, as its administrator. */
  readonly transport: Transport;
  readonly nodes: NodesOptions;
  /** What the member serves now. */
  readonly types: () => readonly ResourceType[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Pods on nodes unless given. */
  readonly workloads?: Workloads;
}

/** Nobody connects to a sandbox by it; pods would find it in their namespace. */
const authority = '-----BEGIN CERTIFICATE-----\nc2FuZGJveA==\n-----END CERTIFICATE-----\n';

/** Kinds whose objects may own or be owned. */
const collected: readonly KindName[] = [
  ...(['namespaces', 'deployments', 'replicaSets', 'statefulSets', 'daemonSets', 'jobs'] as const),
  ...(['pods', 'services', 'configMaps', 'secrets', 'serviceAccounts'] as const),
  ...(['clusterRoles', 'clusterRoleBindings'] as const),
];

/** Whether finalizers that wait for dependents are taken away from objects of the type. */
export function collects(type: { readonly group: string; readonly resource: string }): boolean {
  return collected
    .map((kind) => kinds[kind])
    .some(({ group, resource }) => group === type.group && resource === type.resource);
}

export class Simulator {
  readonly #options: SimulatorOptions;
  readonly #client: RestClient;
  readonly #followed = new Map<KindName, Followed>();
  readonly #controllers: Controller[] = [];
  readonly #namespaces: NamespaceLifecycle;
  readonly #accounts: ServiceAccounts;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#client = new RestClient(options.transport, {
      userAgent: 'kube-controller-manager/sandbox',
    });
    const client = this.#client;
    this.#namespaces = new NamespaceLifecycle({ ...options, client });
    this.#accounts = new ServiceAccounts({ ...options, client, authority });
    const { clock, random } = options;
    const follow = (kind: KindName): Followed => this.#follow(kind);
    const control = (name: string, reconcile: Reconcile) => this.#control(name, reconcile);
    (options.workloads ?? podWorkloads)({ clock, random, follow, control });
    this.#setUpRest();
  }

  /** Resolves when everything is followed and work has begun. */
  async start(): Promise<void> {
    const { nodes, clock } = this.#options;
    await ensureNodes(this.#client, nodes, clock);
    await Promise.all([...this.#followed.values()].map((followed) => followed.start()));
    for (const controller of this.#controllers) controller.start();
    this.#namespaces.start();
    this.#accounts.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#namespaces.stop(), this.#accounts.stop()]);
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
    await Promise.all([...this.#followed.values()].map((followed) => followed.stop()));
  }

  #setUpRest(): void {
    const { random } = this.#options;
    const services = this.#follow('services');
    const service = this.#control('service', (key) => reconcileService({ services, random }, key));
    services.onChange((key) => service(key));

    const garbage = new GarbageCollector(collected.map((kind) => this.#follow(kind)));
    const collect = this.#control('garbage', (uid) => garbage.reconcile(uid));
    garbage.listen(collect);
  }

  #follow(kind: KindName): Followed {
    let followed = this.#followed.get(kind);
    if (followed === undefined) {
      const { clock, random } = this.#options;
      followed = new Followed({ client: this.#client, clock, random, collection: kinds[kind] });
      this.#followed.set(kind, followed);
    }
    return followed;
  }

  #control(name: string, reconcile: Reconcile): (key: string) => void {
    const { clock, random, log } = this.#options;
    const controller = new Controller({ name, reconcile, clock, random, log });
    this.#controllers.push(controller);
    return (key) => controller.add(key);
  }
}
