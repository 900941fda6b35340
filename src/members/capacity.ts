/** What a member's nodes and pods add up to: pure sums over slim summaries. */
import type { Quantities } from '../api/cluster.ts';
import { isObject, type KubeObject, objectAt, valueAt } from '../kube/object.ts';
import {
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityMilliValue,
} from '../kube/quantity.ts';

/** Amounts in thousandths, by resource name. */
export type Amounts = ReadonlyMap<string, bigint>;

/** What is kept of a node. */
export interface NodeSummary {
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly provider: string;
  /** Ready and not cordoned. */
  readonly usable: boolean;
  readonly capacity: Amounts;
  readonly allocatable: Amounts;
}

/** What is kept of a pod that holds a place. */
export interface PodSummary {
  readonly requests: Amounts;
}

/** Most resource names that one node or pod may name. */
const resourceLimit = 64;

/** A node with only what is summed. */
export function summarizeNode(node: KubeObject): NodeSummary {
  const labels = node.metadata.labels ?? {};
  const conditions = valueAt(node, 'status', 'conditions');
  const ready =
    Array.isArray(conditions) &&
    conditions.some((one) => valueAt(one, 'type') === 'Ready' && valueAt(one, 'status') === 'True');
  const legacy = 'failure-domain.beta.kubernetes.io';
  const label = (key: string): string =>
    labels[`topology.kubernetes.io/${key}`] ?? labels[`${legacy}/${key}`] ?? '';
  return {
    name: node.metadata.name ?? '',
    region: label('region'),
    zone: label('zone'),
    provider: providerOf(valueAt(node, 'spec', 'providerID')),
    usable: ready && valueAt(node, 'spec', 'unschedulable') !== true,
    capacity: amountsOf(valueAt(node, 'status', 'capacity')),
    allocatable: amountsOf(valueAt(node, 'status', 'allocatable')),
  };
}

/** 'gce' of `gce://project/zone/name`. */
function providerOf(providerId: unknown): string {
  if (typeof providerId !== 'string') return '';
  const scheme = /^([a-z0-9][-a-z0-9.]{0,61}[a-z0-9]):\/\//.exec(providerId);
  return scheme?.[1] ?? '';
}

/** A pod with only its requests; undefined when it holds no place on a node. */
export function summarizePod(pod: KubeObject): PodSummary | undefined {
  const phase = valueAt(pod, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return undefined;
  if (!valueAt(pod, 'spec', 'nodeName')) return undefined;
  return { requests: podRequests(pod) };
}

/**
 * As the scheduler counts: containers and sidecars together, or the largest init step, plus
 * overhead.
 */
export function podRequests(pod: KubeObject): Amounts {
  const running = new Map<string, bigint>();
  const largest = new Map<string, bigint>();
  for (const container of listAt(pod, 'initContainers')) {
    const requests = requestsOf(container);
    if (valueAt(container, 'restartPolicy') === 'Always') {
      add(running, requests, 1n);
      raise(largest, running);
    } else {
      const step = new Map(running);
      add(step, requests, 1n);
      raise(largest, step);
    }
  }
  for (const container of listAt(pod, 'containers')) add(running, requestsOf(container), 1n);
  raise(running, largest);
  for (const [name, amount] of requestsOf(objectAt(pod, 'spec'))) running.set(name, amount);
  add(running, amountsOf(valueAt(pod, 'spec', 'overhead')), 1n);
  return running;
}

function listAt(pod: KubeObject, field: string): readonly unknown[] {
  const list = valueAt(pod, 'spec', field);
  return Array.isArray(list) ? list : [];
}

function requestsOf(container: unknown): Amounts {
  return amountsOf(valueAt(container, 'resources', 'requests'));
}

function amountsOf(list: unknown): Amounts {
  const amounts = new Map<string, bigint>();
  if (!isObject(list)) return amounts;
  for (const [name, text] of Object.entries(list)) {
    if (amounts.size >= resourceLimit) break;
    if (typeof text !== 'string' && typeof text !== 'number') continue;
    const amount = milliOf(text);
    if (amount !== undefined) amounts.set(name, amount);
  }
  return amounts;
}

/** Most quantities of a cluster are a few texts again and again. */
const known = new Map<string | number, bigint | undefined>();

function milliOf(text: string | number): bigint | undefined {
  if (known.has(text)) return known.get(text);
  let amount: bigint | undefined;
  try {
    amount = quantityMilliValue(parseQuantity(text));
  } catch {
    amount = undefined;
  }
  if (known.size >= 4096) known.clear();
  known.set(text, amount);
  return amount;
}

function add(sum: Map<string, bigint>, amounts: Amounts, sign: 1n | -1n): void {
  for (const [name, amount] of amounts) {
    const total = (sum.get(name) ?? 0n) + sign * amount;
    if (total === 0n && sign < 0n) sum.delete(name);
    else sum.set(name, total);
  }
}

function raise(high: Map<string, bigint>, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    if (amount > (high.get(name) ?? 0n)) high.set(name, amount);
  }
}

/** What the Cluster's status says of its nodes. */
export interface CapacityFacts {
  readonly nodes: number;
  readonly region: string;
  readonly zones: readonly string[];
  readonly provider: string;
  readonly capacity: Quantities;
  readonly allocatable: Quantities;
  readonly requested: Quantities;
}

/** Sums that are kept up with every change, at a cost that does not depend on their number. */
export class Capacity {
  readonly #nodes = new Map<string, NodeSummary>();
  readonly #capacity = new Map<string, bigint>();
  readonly #allocatable = new Map<string, bigint>();
  readonly #requested = new Map<string, bigint>();

  nodeChanged(old: NodeSummary | undefined, now: NodeSummary | undefined): void {
    if (old !== undefined) this.#count(old, -1n);
    if (now !== undefined) this.#count(now, 1n);
  }

  podChanged(old: PodSummary | undefined, now: PodSummary | undefined): void {
    if (old !== undefined) add(this.#requested, old.requests, -1n);
    if (now !== undefined) add(this.#requested, now.requests, 1n);
  }

  facts(): CapacityFacts {
    const nodes = [...this.#nodes.values()];
    return {
      nodes: nodes.length,
      region: commonest(nodes.map(({ region }) => region)),
      zones: [...new Set(nodes.map(({ zone }) => zone))].filter((zone) => zone !== '').sort(),
      provider: commonest(nodes.map(({ provider }) => provider)),
      capacity: quantitiesOf(this.#capacity),
      allocatable: quantitiesOf(this.#allocatable),
      requested: quantitiesOf(this.#requested),
    };
  }

  #count(node: NodeSummary, sign: 1n | -1n): void {
    if (sign > 0n) this.#nodes.set(node.name, node);
    else this.#nodes.delete(node.name);
    add(this.#capacity, node.capacity, sign);
    if (node.usable) add(this.#allocatable, node.allocatable, sign);
  }
}

/** The value that most have; of equals the first by name; '' when none has any. */
function commonest(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== '') counts.set(value, (counts.get(value) ?? 0) + 1);
  const [best] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return best?.[0] ?? '';
}

const binary = /memory|storage|hugepages/;

function quantitiesOf(amounts: Amounts): Quantities {
  const quantities: Quantities = {};
  for (const [name, mantissa] of [...amounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const whole = mantissa % 1000n === 0n;
    const quantity: Quantity = {
      mantissa: whole ? mantissa / 1000n : mantissa,
      exponent: whole ? 0 : -3,
      format: binary.test(name) ? 'BinarySI' : 'DecimalSI',
    };
    quantities[name] = formatQuantity(quantity);
  }
  return quantities;
}
