/**
 * Room for one more replica of an object in a cluster, when others were promised room that they
 * have not taken yet.
 */

/** Amounts by resource name in the resource's own smallest unit: millicores, bytes, pods. */
export type Amounts = Readonly<Record<string, number>>;

/** Another object's copy in the same cluster. */
export interface Promised {
  readonly ask: number;
  readonly bound: number;
  readonly unschedulable: number;
  /** Of one of its replicas. */
  readonly request: Amounts;
}

/**
 * What is promised and not taken, over all copies of one cluster: kept as a sum, changed by one
 * copy at a time.
 */
export function promisedBy(copy: Promised): Amounts {
  const open = Math.max(0, copy.ask - copy.bound - copy.unschedulable);
  return Object.fromEntries(
    Object.entries(copy.request).map(([resource, amount]) => [resource, amount * open]),
  );
}

/**
 * How many more replicas fit: floor of the scarcest resource; Infinity when nothing is requested.
 */
export function roomFor(request: Amounts, free: Amounts, promisedToOthers: Amounts): number {
  let room = Number.POSITIVE_INFINITY;
  for (const [resource, amount] of Object.entries(request)) {
    if (amount <= 0) continue;
    const left = amountOf(free, resource) - amountOf(promisedToOthers, resource);
    room = Math.min(room, Math.max(0, Math.floor(left / amount)));
  }
  return room;
}

function amountOf(amounts: Amounts, resource: string): number {
  return Object.hasOwn(amounts, resource) ? amounts[resource]! : 0;
}
