/** Where a pod may run: the node with the most room among those that its selector allows. Pure. */
import { conditionStatus } from '../../kube/condition.ts';
import { type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import { compare } from './pods.ts';

export type Choice =
  | { readonly node: string }
  /** Why no node will do, in the scheduler's words. */
  | { readonly message: string };

/** `used`: pods on each node. */
export function chooseNode(
  pod: KubeObject,
  nodes: readonly KubeObject[],
  used: ReadonlyMap<string, number>,
): Choice {
  const reasons = new Map<string, number>();
  let best: { readonly name: string; readonly room: number } | undefined;
  for (const node of nodes.toSorted((a, b) => compare(a.metadata.name!, b.metadata.name!))) {
    const name = node.metadata.name!;
    const room = capacityOf(node) - (used.get(name) ?? 0);
    const problem = problemOf(pod, node, room);
    if (problem !== undefined) reasons.set(problem, (reasons.get(problem) ?? 0) + 1);
    else if (best === undefined || room > best.room) best = { name, room };
  }
  if (best !== undefined) return { node: best.name };
  const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return { message: `0/${nodes.length} nodes are available: ${why}.` };
}

function problemOf(pod: KubeObject, node: KubeObject, room: number): string | undefined {
  if (valueAt(node, 'spec', 'unschedulable') === true) return 'node(s) were unschedulable';
  if (conditionStatus(node, 'Ready') !== 'True') return 'node(s) were not ready';
  const selector = valueAt(pod, 'spec', 'nodeSelector') as JsonObject | undefined;
  if (!selectsNode(selector, node)) return "node(s) didn't match Pod's node affinity/selector";
  return room <= 0 ? 'Too many pods' : undefined;
}

export function selectsNode(selector: JsonObject | undefined, { metadata }: KubeObject): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => metadata.labels?.[key] === value);
}

function capacityOf(node: KubeObject): number {
  return Number(valueAt(node, 'status', 'allocatable', 'pods') ?? 110);
}
