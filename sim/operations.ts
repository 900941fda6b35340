/** What users do to a fleet, one thing after the other. */

import { messageOf, UserError } from '../src/base/errors.ts';
import type { RestClient } from '../src/client/rest.ts';
import { TransportError } from '../src/client/transport.ts';
import { pathOf } from '../src/kube/resource.ts';
import { ApiError } from '../src/kube/status.ts';
import { unjoinAnnotations } from '../src/members/unjoin.ts';
import { selectorAnnotation } from '../src/placement/preferences.ts';
import { kindOf, markerAnnotation, type SimKind, simKinds, versionOf } from './kinds.ts';
import { absent, type Known } from './model.ts';
import { Crash } from './process.ts';
import { TooLate } from './timeline.ts';
import type { World } from './world.ts';

export interface Operation {
  readonly name: string;
  readonly weight: number;
  run(world: World, client: RestClient): Promise<void>;
}

/** How long a user waits for an answer, milliseconds. */
const patienceMs = 60_000;

export const namespaces = ['red', 'green'];
const names = ['one', 'two', 'three', 'four'];
const spare = 'dogwood';

export const operations: readonly Operation[] = [
  { name: 'create', weight: 22, run: create },
  { name: 'scale', weight: 16, run: scale },
  { name: 'edit', weight: 16, run: edit },
  { name: 'relabel', weight: 6, run: relabel },
  { name: 'annotate', weight: 5, run: annotate },
  { name: 'prefer', weight: 4, run: prefer },
  { name: 'select', weight: 2, run: select },
  { name: 'delete', weight: 12, run: remove },
  { name: 'recreate', weight: 6, run: recreate },
  { name: 'relabel-cluster', weight: 2, run: relabelCluster },
  { name: 'cordon-cluster', weight: 2, run: cordonCluster },
  { name: 'join', weight: 2, run: join },
  { name: 'unjoin', weight: 1, run: unjoin },
];

async function create(world: World, client: RestClient): Promise<void> {
  const kind = world.dice.weighted(simKinds);
  const namespace = world.dice.pick(namespaces);
  await createNamed(world, client, knownOf(kind, namespace, world.dice.pick(names)));
}

function knownOf({ group, resource }: SimKind, namespace: string, name: string): Known {
  return { group, resource, namespace, name };
}

async function createNamed(world: World, client: RestClient, known: Known): Promise<void> {
  const kind = kindOf(known.resource)!;
  const marker = world.model.nextMarker();
  const { name, namespace } = known;
  const object = {
    apiVersion: versionOf(kind),
    kind: kind.kind,
    metadata: { name, namespace, annotations: { [markerAnnotation]: String(marker) } },
    ...kind.body(marker, world.dice.between(0, 12)),
  };
  const path = collectionOf(known);
  await write(world, { known, marker, send: () => client.create(path, object) });
}

async function scale(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, (kind) => kind.scalable === true);
  if (known === undefined) return;
  const replicas = world.dice.between(0, 15);
  if (world.dice.chance(0.3)) {
    // The scale subresource shows no marker: what it changed is seen in the replicas only.
    const scaled = client.patch(
      `${pathTo(known)}/scale`,
      { type: 'application/merge-patch+json', body: { spec: { replicas } } },
      {},
    );
    await outcome(world, scaled);
    return;
  }
  await change(world, client, { known, body: () => ({ spec: { replicas } }) });
}

async function edit(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, (kind) => kind.fixed !== true);
  if (known === undefined) return;
  const kind = kindOf(known.resource)!;
  await change(world, client, {
    known,
    body: (marker) => {
      const body = kind.body(marker, 0) as { spec?: { replicas?: number } };
      if (kind.scalable) delete body.spec?.replicas;
      return body;
    },
  });
}

async function relabel(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, () => true);
  if (known === undefined) return;
  const value = world.dice.chance(0.3) ? null : `v${world.dice.between(1, 9)}`;
  await change(world, client, { known, body: () => ({ metadata: { labels: { colour: value } } }) });
}

async function annotate(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, () => true);
  if (known === undefined) return;
  const note = `n${world.dice.between(1, 99)}`;
  await change(world, client, { known, body: () => ({ metadata: { annotations: { note } } }) });
}

/** Weights as Federation v1 has them; cleared half of the time. */
async function prefer(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, (kind) => kind.mode === 'Divide');
  if (known === undefined) return;
  const clusters = Object.fromEntries(
    [...world.members.keys()].map((name) => [name, { weight: world.dice.between(1, 3) }]),
  );
  const text = JSON.stringify({ rebalance: true, clusters });
  const preferences = world.dice.chance(0.5) ? null : text;
  const annotations = { 'federation.kubernetes.io/deployment-preferences': preferences };
  await change(world, client, { known, body: () => ({ metadata: { annotations } }) });
}

async function select(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, (kind) => kind.mode !== 'One');
  if (known === undefined) return;
  const text = JSON.stringify([{ key: 'tier', operator: 'In', values: ['gold'] }]);
  const annotations = { [selectorAnnotation]: world.dice.chance(0.5) ? null : text };
  await change(world, client, { known, body: () => ({ metadata: { annotations } }) });
}

async function remove(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, () => true);
  if (known === undefined) return;
  await removeNamed(world, client, known);
}

async function removeNamed(world: World, client: RestClient, known: Known): Promise<void> {
  const send = () => client.delete(pathTo(known), { propagationPolicy: 'Background' });
  await write(world, { known, marker: absent, send });
}

/** Under the same name at once: the copies of the first may still stand. */
async function recreate(world: World, client: RestClient): Promise<void> {
  const known = someObject(world, () => true);
  if (known === undefined) return;
  await removeNamed(world, client, known);
  if (world.process?.alive) await createNamed(world, client, known);
}

async function relabelCluster(world: World, client: RestClient): Promise<void> {
  const name = world.dice.pick([...world.members.keys()]);
  const tier = world.dice.chance(0.6) ? 'gold' : 'tin';
  await patchCluster(world, client, { name, body: { metadata: { labels: { tier } } } });
}

async function cordonCluster(world: World, client: RestClient): Promise<void> {
  const name = world.dice.pick([...world.members.keys()]);
  const unschedulable = world.dice.chance(0.4);
  await patchCluster(world, client, { name, body: { spec: { unschedulable } } });
}

/** One more member; the others have joined at the start. */
async function join(world: World): Promise<void> {
  world.log(`join ${spare}`);
  try {
    await world.join(spare);
  } catch (error) {
    if (!(error instanceof UserError) && !isUncertain(error)) throw error;
    world.log(`join ${spare} failed: ${messageOf(error)}`);
  }
}

/** Asked for, not waited for. */
async function unjoin(world: World, client: RestClient): Promise<void> {
  const deleteCopies = world.dice.chance(0.5) ? 'true' : null;
  const annotations = { [unjoinAnnotations.deleteCopies]: deleteCopies };
  await patchCluster(world, client, { name: spare, body: { metadata: { annotations } } });
  const result = await outcome(world, client.remove(clusterPath(spare)));
  world.log(`unjoin ${spare}: ${result}`);
}

export function clusterPath(name: string): string {
  return pathOf({ group: 'ubernetes.dev', version: 'v1alpha1', resource: 'clusters', name });
}

async function patchCluster(
  world: World,
  client: RestClient,
  { name, body }: { name: string; body: object },
): Promise<void> {
  const patch = { type: 'application/merge-patch+json', body } as const;
  const result = await outcome(world, client.patch(clusterPath(name), patch));
  world.log(`cluster ${name} ${JSON.stringify(body)}: ${result}`);
}

interface Changing {
  readonly known: Known;
  readonly body: (marker: number) => object;
}

/** A merge patch that also writes a new marker. */
async function change(world: World, client: RestClient, { known, body }: Changing): Promise<void> {
  const marker = world.model.nextMarker();
  const changed = body(marker) as { metadata?: { annotations?: Record<string, unknown> } };
  const annotations = { ...changed.metadata?.annotations, [markerAnnotation]: String(marker) };
  const patch = {
    type: 'application/merge-patch+json' as const,
    body: { ...changed, metadata: { ...changed.metadata, annotations } },
  };
  await write(world, { known, marker, send: () => client.patch(pathTo(known), patch) });
}

interface Writing {
  readonly known: Known;
  readonly marker: number;
  readonly send: () => Promise<unknown>;
}

/** Sends a write and notes what became of it. */
async function write(world: World, { known, marker, send }: Writing): Promise<void> {
  const result = await outcome(world, send());
  world.log(`${known.resource} ${known.namespace}/${known.name} marker ${marker}: ${result}`);
  if (result === 'ok') world.model.acknowledged(known, marker);
  else if (result === 'unknown') world.model.uncertain(known, marker);
}

async function outcome(world: World, sent: Promise<unknown>): Promise<string> {
  const { process } = world;
  try {
    await world.timeline.finish(process?.orCrash(sent) ?? sent, patienceMs);
    return 'ok';
  } catch (error) {
    if (isUncertain(error)) return 'unknown';
    if (error instanceof ApiError) return error.code >= 500 ? 'unknown' : error.reason;
    throw error;
  }
}

function isUncertain(error: unknown): boolean {
  return error instanceof Crash || error instanceof TooLate || error instanceof TransportError;
}

function someObject(world: World, fits: (kind: SimKind) => boolean): Known | undefined {
  const standing = world.model.standing().filter(({ resource }) => {
    const kind = kindOf(resource);
    return kind !== undefined && fits(kind);
  });
  return standing.length === 0 ? undefined : world.dice.pick(standing);
}

export function pathTo({ group, resource, namespace, name }: Known): string {
  return pathOf({ group, version: 'v1', resource, namespace, name });
}

function collectionOf({ group, resource, namespace }: Known): string {
  return pathOf({ group, version: 'v1', resource, namespace });
}
