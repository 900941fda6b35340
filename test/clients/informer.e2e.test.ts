/**
 * Informers of the JavaScript client while real members run what was applied: each step of a
 * status arrives as an event, and what the informer holds in the end is what a list says.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  AppsV1Api,
  BatchV1Api,
  CustomObjectsApi,
  type Informer,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
  type ObjectCache,
  type V1Deployment,
  type V1Job,
} from '@kubernetes/client-node';
import { membersAvailable } from '../../testbed/binaries.ts';
import { stopMember } from '../../testbed/faults.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Joined } from '../propagation/joined.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('full') && 'no testbed';
const namespace = 'default';
const cluster = { group: 'ubernetes.dev', version: 'v1alpha1', plural: 'clusters' };
const distribution = { ...cluster, plural: 'distributions', namespace };

const template = (app: string, restartPolicy: string) => ({
  metadata: { labels: { app } },
  spec: { restartPolicy, containers: [{ name: app, image: `registry.example.com/${app}` }] },
});

interface Cluster extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}

interface Distribution extends KubernetesObject {
  readonly status?: { readonly clusters?: readonly { name: string; ready?: number }[] };
}

describe('informers of @kubernetes/client-node, with members', { skip }, () => {
  let joined: Joined;
  let config: KubeConfig;
  const running: Followed<KubernetesObject>[] = [];

  before(async () => {
    joined = await Joined.start([{ name: 'eu-west' }, { name: 'us-east' }]);
    config = new KubeConfig();
    config.loadFromFile(joined.federation.kubeconfig);
  });

  after(async () => {
    for (const each of running) await each.stop();
    await joined?.stop();
  });

  async function follow<T extends KubernetesObject>(
    path: string,
    list: () => Promise<KubernetesListObject<T>>,
  ): Promise<Followed<T>> {
    const followed = new Followed(makeInformer<T>(config, path, list));
    running.push(followed as unknown as Followed<KubernetesObject>);
    await followed.start();
    return followed;
  }

  test('a Deployment becomes ready, is scaled, and goes', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const list = () => apps.listNamespacedDeployment({ namespace });
    const seen = await follow<V1Deployment>(path, list);
    const selector = { matchLabels: { app: 'web' } };
    const spec = { replicas: 3, selector, template: template('web', 'Always') };
    await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web' }, spec } });
    await seen.until('three to be ready', 'web', (web) => web.status?.readyReplicas === 3);
    assert.equal(seen.events[0]!.phase, 'add');
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' });
    const body = { ...scale, spec: { replicas: 5 } };
    await apps.replaceNamespacedDeploymentScale({ namespace, name: 'web', body });
    const settled = (web: V1Deployment): boolean =>
      web.status?.readyReplicas === 5 && web.status.observedGeneration === web.metadata!.generation;
    await seen.until('five to be ready', 'web', settled);
    seen.neverWentBack();
    const available = seen.held('web').status!.conditions!.find((one) => one.type === 'Available');
    assert.equal(available!.status, 'True');
    await apps.deleteNamespacedDeployment({ namespace, name: 'web' });
    await waitUntil({
      what: 'the deletion to arrive',
      check: async () => seen.events.at(-1)!.phase === 'delete',
    });
    assert.deepEqual(seen.names(), []);
  });

  test('a Job completes', async () => {
    const batch = config.makeApiClient(BatchV1Api);
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    const seen = await follow<V1Job>(path, () => batch.listNamespacedJob({ namespace }));
    const spec = { completions: 2, parallelism: 2, template: template('once', 'Never') };
    await batch.createNamespacedJob({ namespace, body: { metadata: { name: 'once' }, spec } });
    await seen.until('the Job to complete', 'once', ({ status }) => {
      const complete = status?.conditions?.some((one) => one.type === 'Complete');
      return complete === true && status?.succeeded === 2;
    });
    // As text: what comes by a watch is not made into Dates.
    assert.ok(Date.parse(String(seen.held('once').status!.completionTime)) > 0);
    seen.neverWentBack();
  });

  test('what a federation says of its own: clusters, and where a copy is', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const clusters = await follow<Cluster>('/apis/ubernetes.dev/v1alpha1/clusters', () =>
      custom.listClusterCustomObject(cluster),
    );
    const places = await follow<Distribution>(
      `/apis/ubernetes.dev/v1alpha1/namespaces/${namespace}/distributions`,
      () => custom.listNamespacedCustomObject(distribution),
    );
    const reachable = (status: string) => (one: Cluster) =>
      one.status?.conditions?.some((each) => each.type === 'Reachable' && each.status === status) ??
      false;
    assert.deepEqual(clusters.names(), ['eu-west', 'us-east']);
    const apps = config.makeApiClient(AppsV1Api);
    const selector = { matchLabels: { app: 'shop' } };
    const spec = { replicas: 4, selector, template: template('shop', 'Always') };
    await apps.createNamespacedDeployment({
      namespace,
      body: { metadata: { name: 'shop' }, spec },
    });
    const shared = ({ status }: Distribution): boolean =>
      status?.clusters?.length === 2 && status.clusters.every((each) => each.ready === 2);
    await places.until('two to be ready in each cluster', 'shop.deployments.apps', shared);
    await stopMember(joined.member('us-east'));
    await clusters.until('us-east to be out of reach', 'us-east', reachable('False'));
    await joined.member('us-east').start();
    await clusters.until('us-east to be back', 'us-east', reachable('True'));
  });
});

interface Seen<T> {
  readonly phase: 'add' | 'update' | 'delete';
  readonly object: T;
}

/** An informer, and every event that it gave. */
class Followed<T extends KubernetesObject> {
  readonly events: Seen<T>[] = [];
  readonly #informer: Informer<T> & ObjectCache<T>;
  #stopped = false;

  constructor(informer: Informer<T> & ObjectCache<T>) {
    this.#informer = informer;
    for (const phase of ['add', 'update', 'delete'] as const)
      informer.on(phase, (object) => {
        this.events.push({ phase, object });
      });
    // As its documentation has it: after an error, start again.
    informer.on('error', () => {
      if (!this.#stopped) void informer.start().catch(() => {});
    });
  }

  start(): Promise<void> {
    return this.#informer.start();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#informer.stop();
  }

  held(name: string): T {
    return this.#informer.list().find((object) => object.metadata!.name === name)!;
  }

  names(): string[] {
    return this.#informer.list().map((object) => object.metadata!.name!);
  }

  /** Waits until an event brought the object in the state that is expected. */
  until(what: string, name: string, check: (object: T) => boolean): Promise<void> {
    const matches = ({ object }: Seen<T>): boolean =>
      object.metadata!.name === name && check(object);
    return waitUntil({ what, check: async () => this.events.some(matches) });
  }

  /** No event was older than the one before it. */
  neverWentBack(): void {
    const versions = this.events.map(({ object }) => BigInt(object.metadata!.resourceVersion!));
    assert.ok(
      versions.every((each, at) => at === 0 || each > versions[at - 1]!),
      `${versions}`,
    );
  }
}
