/**
 * The story that the demo tells: one web app over all clusters, one of them lost and back again.
 */

import type { Clock } from '../base/clock.ts';
import { table } from '../cli/output.ts';
import type { RestClient } from '../client/rest.ts';
import { conditionStatus } from '../kube/condition.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { isApiError } from '../kube/status.ts';
import { app, namespace, paths, secret, shop, webApp } from './story-manifests.ts';
import { kubectlGet, until } from './story-view.ts';

export interface StoryMember {
  readonly name: string;
  /** The cluster itself, as its administrator: to look, and to meddle behind the back of all. */
  readonly client: RestClient;
  cutOff(): Promise<void> | void;
  reconnect(): Promise<void> | void;
}

export interface StoryOptions {
  /** As a user of the federation. */
  readonly federation: RestClient;
  readonly members: readonly StoryMember[];
  readonly clock: Clock;
  /** One line, or several. */
  readonly print: (text: string) => void;
  /** As kubectl is to be called: `kubectl --kubeconfig …`; 'kubectl' unless given. */
  readonly kubectl?: string;
  /** Leave what was made, to go on with; otherwise it is deleted again. */
  readonly keep?: boolean;
}

interface Stage extends StoryOptions {
  readonly lost: StoryMember;
}

interface Step {
  readonly title: string;
  run(stage: Stage): Promise<void>;
}

const steps: readonly Step[] = [
  { title: 'Four clusters answer to one API', run: showClusters },
  { title: 'One kubectl apply: four replicas, one in each cluster', run: deploy },
  { title: 'Scaled to eight: two in each', run: scaleUp },
  { title: 'A Secret is wherever it may be needed', run: shareSecret },
  { title: 'One cluster is cut off; the rest goes on', run: loseOne },
  { title: 'It comes back, and catches up with what it missed', run: takeBack },
  { title: 'An edit behind our back is undone, and on record', run: correctDrift },
];

const cleaning: Step = { title: 'Deleted once, gone everywhere', run: cleanUp };

/** Tells it step by step. @throws UserError when something does not come true */
export async function runStory(options: StoryOptions): Promise<void> {
  const lost = options.members[Math.min(1, options.members.length - 1)];
  if (lost === undefined) return;
  const told = options.keep ? steps : [...steps, cleaning];
  const stage = { ...options, lost };
  for (const [at, { title, run }] of told.entries()) {
    options.print(`\n${at + 1}. ${title}`);
    await run(stage);
  }
  if (options.keep) goOn(stage);
}

function show({ print, kubectl = 'kubectl' }: Stage, command: string, answer: string): void {
  print(`   $ ${kubectl} ${command}`);
  print(answer.replaceAll(/^/gm, '     '));
}

async function showClusters(stage: Stage): Promise<void> {
  const { federation, members, clock } = stage;
  await until(clock, 'every cluster is writable', async () => {
    const { items } = await federation.list(paths.clusters);
    const writable = items.filter((cluster) => conditionStatus(cluster, 'Writable') === 'True');
    return writable.length >= members.length;
  });
  await until(clock, 'Deployments are served', async () => {
    return (await federation.find('/apis/apps/v1')) !== undefined;
  });
  await until(clock, 'the nodes of every cluster are counted', async () => {
    const { items } = await federation.list(paths.clusters);
    return items.every((cluster) => typeof valueAt(cluster, 'status', 'nodes') === 'number');
  });
  show(stage, 'get clusters', await kubectlGet(federation, paths.clusters));
}

async function deploy(stage: Stage): Promise<void> {
  const { federation } = stage;
  await ensure(federation, paths.namespaces, shop);
  await ensure(federation, paths.deployments, webApp(4));
  await allReady(stage, 4);
  const rows = await kubectlGet(federation, paths.deployments);
  show(stage, `apply -f web.yaml; kubectl get deployments -n ${namespace}`, rows);
  await showPods(stage);
}

async function scaleUp(stage: Stage): Promise<void> {
  const { federation } = stage;
  const patch = { type: 'application/merge-patch+json', body: { spec: { replicas: 8 } } } as const;
  await federation.patch(`${paths.web}/scale`, patch);
  await allReady(stage, 8);
  const rows = await kubectlGet(federation, paths.deployments);
  show(stage, `scale deployment ${app} -n ${namespace} --replicas 8`, rows);
  await showPods(stage);
}

async function shareSecret(stage: Stage): Promise<void> {
  const { federation, members, clock } = stage;
  await ensure(federation, paths.secrets, secret);
  await until(clock, 'the Secret stands in every cluster', async () => {
    const copies = await Promise.all(members.map(({ client }) => client.find(paths.secret)));
    return copies.every((copy) => copy !== undefined);
  });
  stage.print(`   secret/payment stands in ${members.map(({ name }) => name).join(', ')}`);
}

async function loseOne(stage: Stage): Promise<void> {
  const { federation, lost, clock } = stage;
  await lost.cutOff();
  await until(clock, `${lost.name} is seen to be out of reach`, async () => {
    const cluster = (await federation.get(`${paths.clusters}/${lost.name}`)).object();
    return conditionStatus(cluster, 'Reachable') === 'False';
  });
  show(stage, 'get clusters', await kubectlGet(federation, paths.clusters));
  await setImage(stage, 'nginx:1.30');
  await until(clock, 'the others run the new image', async () => {
    const copies = await imagesIn(stage, ({ name }) => name !== lost.name);
    return copies.every((image) => image === 'nginx:1.30');
  });
  const command = `set image deployment/${app} web=nginx:1.30 -n ${namespace}`;
  const rows = await kubectlGet(federation, paths.distributions);
  show(stage, `${command}; kubectl get distributions -n ${namespace}`, rows);
}

async function takeBack(stage: Stage): Promise<void> {
  const { lost, clock } = stage;
  const since = clock.monotonic();
  await lost.reconnect();
  await until(clock, `${lost.name} has the new image`, async () => {
    const images = await imagesIn(stage, ({ name }) => name === lost.name).catch(
      (): unknown[] => [],
    );
    return images.includes('nginx:1.30');
  });
  const took = ((clock.monotonic() - since) / 1000).toFixed(1);
  stage.print(`   ${lost.name} had what it missed ${took} s after its return`);
  await allReady(stage, 8);
  show(stage, 'get clusters', await kubectlGet(stage.federation, paths.clusters));
}

async function correctDrift(stage: Stage): Promise<void> {
  const { federation, members, clock } = stage;
  const victim = members[0]!;
  const body = { spec: { replicas: 7 } };
  const patch = { type: 'application/merge-patch+json', body } as const;
  await victim.client.patch(paths.web, patch, { fieldManager: 'somebody' });
  stage.print(`   somebody sets replicas to 7 in ${victim.name} itself`);
  let entry: unknown;
  await until(clock, 'the edit is undone and on record', async () => {
    const copy = (await victim.client.get(paths.web)).object();
    const distribution = (await federation.get(paths.distribution)).object();
    entry = driftOf(distribution, victim.name);
    return valueAt(copy, 'spec', 'replicas') === 2 && entry !== undefined;
  });
  const drift = ['field', 'expected', 'actual', 'manager', 'time'].map((field) => [
    field,
    String(valueAt(entry, field) ?? ''),
  ]);
  const command = `get distribution ${app}.deployments.apps -n ${namespace} -o yaml`;
  show(stage, command, drift.map(([field, value]) => `${field}: ${value}`).join('\n'));
}

async function cleanUp(stage: Stage): Promise<void> {
  const { federation, members, clock } = stage;
  await federation.remove(paths.web);
  await federation.remove(paths.secret);
  await until(clock, 'nothing is left in any cluster', async () => {
    const found = await Promise.all(
      members.flatMap(({ client }) => [client.find(paths.web), client.find(paths.secret)]),
    );
    return found.every((copy) => copy === undefined);
  });
  await federation.remove(paths.shop);
  await until(clock, `namespace ${namespace} is gone everywhere`, async () => {
    const all = [federation, ...members.map(({ client }) => client)];
    const found = await Promise.all(all.map((client) => client.find(paths.shop)));
    return found.every((copy) => copy === undefined);
  });
  stage.print('   deployment, secret and namespace are gone from every cluster');
}

function goOn({ print, kubectl = 'kubectl' }: Stage): void {
  print('\nGo on with:');
  for (const line of [
    'get clusters -o wide',
    `get distributions -n ${namespace}`,
    `describe deployment ${app} -n ${namespace}`,
    'create deployment hello --image nginx --replicas 9',
    'get distributions',
  ]) {
    print(`   ${kubectl} ${line}`);
  }
}

async function ensure(client: RestClient, path: string, object: KubeObject): Promise<void> {
  try {
    await client.create(path, object);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}

async function setImage({ federation }: Stage, image: string): Promise<void> {
  const body = { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } };
  await federation.patch(paths.web, { type: 'application/strategic-merge-patch+json', body });
}

async function allReady({ federation, clock }: Stage, replicas: number): Promise<void> {
  await until(clock, `${replicas} replicas are ready`, async () => {
    const deployment = (await federation.get(paths.web)).object();
    return valueAt(deployment, 'status', 'readyReplicas') === replicas;
  });
}

async function showPods(stage: Stage): Promise<void> {
  const rows = await Promise.all(
    stage.members.map(async ({ name, client }) => {
      const { items } = await client.list(paths.pods, { labelSelector: `app=${app}` });
      const running = items.filter((pod) => valueAt(pod, 'status', 'phase') === 'Running');
      return [name, String(running.length)];
    }),
  );
  stage.print(table(['CLUSTER', 'PODS'], rows).replaceAll(/^/gm, '     '));
}

async function imagesIn(
  { members }: Stage,
  wanted: (member: StoryMember) => boolean,
): Promise<unknown[]> {
  const copies = members.filter(wanted).map(({ client }) => client.get(paths.web));
  return (await Promise.all(copies)).map((copy) => {
    const containers = valueAt(copy.object(), 'spec', 'template', 'spec', 'containers');
    return Array.isArray(containers) ? valueAt(containers[0], 'image') : undefined;
  });
}

function driftOf(distribution: KubeObject, cluster: string): unknown {
  const clusters = valueAt(distribution, 'status', 'clusters');
  if (!Array.isArray(clusters)) return undefined;
  const entry = clusters.find((each) => valueAt(each, 'name') === cluster);
  const drift = valueAt(entry, 'drift');
  return Array.isArray(drift) ? drift[0] : undefined;
}
