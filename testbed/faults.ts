/** What can go wrong with a member, each as one call and each with its way back. */
import type { Member } from './member.ts';
import type { MemberClient } from './member-client.ts';

/** Names one object of a member. */
export interface ObjectAt {
  /** Such as `v1` or `apps/v1`. */
  readonly apiVersion: string;
  /** Such as `deployments`. */
  readonly plural: string;
  /** Left out for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

/** The whole cluster loses power: every process dies, its data stays. Back: `member.start()`. */
export async function stopMember(member: Member): Promise<void> {
  await member.stop();
}

/**
 * The cluster works, but nobody reaches it: connections are refused, or with `blackhole` accepted
 * and never answered. Back: `reconnect`.
 */
export async function cutOff(
  member: Member,
  how: 'refuse' | 'blackhole' = 'refuse',
): Promise<void> {
  await member.wire.set(how);
}

/** The wire is whole again. What a blackhole swallowed arrives late, as on a real network. */
export async function reconnect(member: Member): Promise<void> {
  await member.wire.set('pass');
}

/** Open connections are reset once; new ones work. */
export function dropConnections(member: Member): void {
  member.wire.drop();
}

/** Every round trip takes this much longer, in milliseconds. Back: 0. */
export function slowDown(member: Member, roundTripMs: number): void {
  member.wire.setRoundTrip(roundTripMs);
}

/** Changes an object with the administrator's hand, even while the member is cut off. */
export async function editBehindOurBack(
  member: Member,
  object: ObjectAt,
  mergePatch: object,
): Promise<void> {
  await member.client.must({ method: 'PATCH', path: pathOf(object), body: mergePatch });
}

/** Deletes an object with the administrator's hand, even while the member is cut off. */
export async function deleteBehindOurBack(member: Member, object: ObjectAt): Promise<void> {
  await member.client.must({
    method: 'DELETE',
    path: pathOf(object),
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Background',
    },
  });
}

/**
 * Puts placeholder pods on the nodes until only `leave` (default 0) pods still fit, so that the
 * scheduler finds the next ones Unschedulable. Returns how many were added. Back: `emptyNodes`.
 */
export async function fillNodes(member: Member, leave = 0): Promise<number> {
  const places = await freePlaces(member.client);
  const fill = places.slice(0, Math.max(0, places.length - leave));
  const path = `/api/v1/namespaces/${fillerNamespace}/pods`;
  for (let start = 0; start < fill.length; start += 20) {
    const batch = fill.slice(start, start + 20).map(fillerPod);
    await Promise.all(batch.map((body) => member.client.must({ method: 'POST', path, body })));
  }
  return fill.length;
}

/** Takes the placeholder pods away again. */
export async function emptyNodes(member: Member): Promise<void> {
  const path = `/api/v1/namespaces/${fillerNamespace}/pods`;
  await member.client.must({
    method: 'DELETE',
    path: `${path}?labelSelector=${encodeURIComponent(`${fillerLabel}=true`)}`,
    body: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 },
  });
}

/** Beside the cluster's own furniture, where nobody looks for workloads. */
const fillerNamespace = 'kube-system';
const fillerLabel = 'testbed.ubernetes.dev/filler';

interface List<Item> {
  items: Item[];
}

interface NodeItem {
  metadata: { name: string };
  status: { allocatable: { pods: string } };
}

interface PodItem {
  spec: { nodeName?: string };
  status: { phase?: string };
}

/** One node name for every pod that still fits, the nodes taking turns. */
async function freePlaces(client: MemberClient): Promise<string[]> {
  const nodes = (await client.must({ path: '/api/v1/nodes' })) as List<NodeItem>;
  const pods = (await client.must({ path: '/api/v1/pods' })) as List<PodItem>;
  const free = new Map(
    nodes.items.map(({ metadata, status }) => [metadata.name, Number(status.allocatable.pods)]),
  );
  for (const { spec, status } of pods.items) {
    if (status.phase === 'Succeeded' || status.phase === 'Failed') continue;
    const room = spec.nodeName === undefined ? undefined : free.get(spec.nodeName);
    if (room !== undefined) free.set(spec.nodeName as string, room - 1);
  }
  const rounds = Math.max(0, ...free.values());
  return Array.from({ length: rounds }, (_, round) =>
    [...free].filter(([, room]) => room > round).map(([name]) => name),
  ).flat();
}

function fillerPod(nodeName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'filler-', labels: { [fillerLabel]: 'true' } },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'filler', image: 'filler' }],
    },
  };
}

function pathOf({ apiVersion, plural, namespace, name }: ObjectAt): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `${root}${scope}/${plural}/${encodeURIComponent(name)}`;
}
