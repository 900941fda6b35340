/**
 * ResourceQuotas and what is used of them: summed up once, then kept by every commit; what is being
 * written counts from its admission on.
 */
import { deepEqual } from '../../kube/json.ts';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { podsAsked } from '../../kube/pod-template.ts';
import { compareQuantity, type Quantity, zeroQuantity } from '../../kube/quantity.ts';
import {
  addResources,
  formatResourceList,
  maskedResources,
  plainResourceList,
  type ResourceList,
  resourceListOf,
  takeResources,
} from '../../kube/resource-list.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { CommittedChange } from '../registry/collection.ts';
import { type Collections, keyBelow, prefixOf, type Resource } from '../registry/collections.ts';
import type { StoredItem } from '../registry/item.ts';
import { type ContainerDefaults, defaultsOf, noDefaults } from './container-defaults.ts';
import { limitRangesOf, limitRangesResource } from './limit-ranges.ts';
import {
  inScopes,
  kindsTaking,
  missingRequests,
  type Scope,
  scopesOf,
  usageOf,
} from './quota-usage.ts';
import { forbiddenBy } from './refusal.ts';

const quotas: Resource = { group: '', resource: 'resourcequotas' };
const quotasPrefix = prefixOf(quotas);
const limitRangesPrefix = prefixOf(limitRangesResource);

interface Quota {
  readonly name: string;
  readonly spec: unknown;
  readonly hard: ResourceList;
  readonly scopes: readonly Scope[];
  /** Prefixes of the collections whose objects take of it. */
  readonly prefixes: ReadonlyMap<string, string>;
  used: Map<string, Quantity>;
}

/** One namespace that has quotas. */
interface Space {
  readonly quotas: Map<string, Quota>;
  defaults: ContainerDefaults;
  /** What admitted writes will take, by prefix and key of their object. */
  readonly reserved: Map<string, Map<Quota, ResourceList>>;
  /** Resolves when `used` can be believed. */
  ready: Promise<void>;
  /** How often it was summed up. */
  counts: number;
}

export interface QuotaUsage {
  readonly hard: Readonly<Record<string, string>>;
  readonly used: Readonly<Record<string, string>>;
}

export class QuotaLedger {
  readonly #collections: Collections;
  readonly #spaces = new Map<string, Space>();
  readonly #listeners = new Set<(namespace: string, name: string) => void>();

  constructor(collections: Collections) {
    this.#collections = collections;
    collections.onCommitted((prefix, change) => this.#take(prefix, change));
  }

  /** Resolves when all quotas are known; their sums follow. */
  async load(): Promise<void> {
    await this.#collections.load(limitRangesResource);
    const live = await this.#collections.load(quotas);
    live.items.visit('', (_key, item) => this.#quotaChanged(item, undefined));
  }

  /** Called when what is used of a quota has changed, or when it is there for the first time. */
  onChange(listener: (namespace: string, name: string) => void): void {
    this.#listeners.add(listener);
  }

  /** `NAMESPACE/NAME` of each. */
  names(): string[] {
    return [...this.#spaces].flatMap(([namespace, space]) =>
      [...space.quotas.keys()].map((name) => `${namespace}/${name}`),
    );
  }

  /** undefined: there is no such quota. */
  async usage(namespace: string, name: string): Promise<QuotaUsage | undefined> {
    const space = this.#spaces.get(namespace);
    await space?.ready;
    const quota = this.#spaces.get(namespace)?.quotas.get(name);
    if (quota === undefined) return undefined;
    return statusOf(quota);
  }

  /** Whether the namespace has quotas. */
  has(namespace: string): boolean {
    return this.#spaces.has(namespace);
  }

  /** @throws ApiError 403 when a quota does not allow the write */
  async check(request: AdmissionRequest): Promise<void> {
    const { operation, type, ref } = request;
    const space = this.#spaces.get(ref.namespace);
    if (space === undefined || operation === 'DELETE') return;
    const { subresource = '' } = ref;
    if (subresource !== '' && subresource !== 'scale') return;
    await space.ready;
    const prefix = prefixOf(type);
    const asked = new Map<Quota, ResourceList>();
    for (const quota of space.quotas.values()) {
      const delta = this.#delta(quota, prefix, { request, space });
      if (delta !== undefined) asked.set(quota, delta);
    }
    for (const [quota, delta] of asked) refuseExceeding(request, { quota, delta, space });
    if (asked.size === 0 || request.options.dryRun) return;
    const key = prefix + keyBelow(ref);
    space.reserved.set(key, asked);
    request.onSettled?.(() => {
      if (space.reserved.get(key) === asked) space.reserved.delete(key);
    });
  }

  /** What the write takes more than what was there; undefined: nothing. */
  #delta(
    quota: Quota,
    prefix: string,
    { request, space }: { request: AdmissionRequest; space: Space },
  ): ResourceList | undefined {
    const kind = quota.prefixes.get(prefix);
    const { object, old, type, ref } = request;
    if (kind === undefined || !inScopes(quota.scopes, kind, object)) return undefined;
    const pods = podsAsked(kind, object);
    const asks = pods !== undefined && pods.count > 0;
    const missing = asks ? missingRequests(quota.hard, pods, space.defaults) : '';
    if (missing !== '' && (old === undefined || changesPods(kind, object, old)))
      throw forbiddenBy({ type, name: ref.name }, `failed quota: ${quota.name}: ${missing}`);
    const delta = taken(quota, kind, { object, defaults: space.defaults });
    if (old !== undefined)
      takeResources(delta, taken(quota, kind, { object: old, defaults: space.defaults }));
    for (const [name, { mantissa }] of delta) if (mantissa <= 0n) delta.delete(name);
    return delta.size === 0 ? undefined : delta;
  }

  #take(prefix: string, change: CommittedChange): void {
    if (prefix === quotasPrefix) this.#quotaChanged(change.item, change.previous);
    if (this.#spaces.size === 0) return;
    const { namespace, name } = (change.item ?? change.previous)!;
    const space = this.#spaces.get(namespace);
    if (space === undefined) return;
    if (prefix === limitRangesPrefix) this.#recount(namespace, space);
    space.reserved.delete(prefix + keyBelow({ namespace, name }));
    for (const quota of space.quotas.values()) {
      const kind = quota.prefixes.get(prefix);
      if (kind === undefined) continue;
      const { defaults } = space;
      const [now, before] = [change.item, change.previous].map((item) =>
        item === undefined ? new Map() : taken(quota, kind, { object: item.object(), defaults }),
      );
      if (deepEqual(plainResourceList(now!), plainResourceList(before!))) continue;
      addResources(quota.used, now!);
      takeResources(quota.used, before!);
      this.#tell(namespace, quota.name);
    }
  }

  #quotaChanged(item: StoredItem | undefined, previous: StoredItem | undefined): void {
    const { namespace, name } = (item ?? previous)!;
    let space = this.#spaces.get(namespace);
    if (item === undefined) {
      space?.quotas.delete(name);
      if (space?.quotas.size === 0) this.#spaces.delete(namespace);
      return;
    }
    const object = item.object();
    const known = space?.quotas.get(name);
    if (known !== undefined && deepEqual(known.spec, object['spec'])) {
      // Somebody else wrote the status: it is told again.
      if (!deepEqual(valueAt(object, 'status'), statusOf(known))) this.#tell(namespace, name);
      return;
    }
    if (space === undefined) {
      space = {
        quotas: new Map(),
        defaults: noDefaults,
        reserved: new Map(),
        ready: Promise.resolve(),
        counts: 0,
      };
      this.#spaces.set(namespace, space);
    }
    space.quotas.set(name, quotaFrom(name, object));
    this.#recount(namespace, space);
  }

  /** Sums up everything in the namespace again. */
  #recount(namespace: string, space: Space): void {
    space.counts++;
    space.ready = this.#count(namespace, space, space.counts);
  }

  async #count(namespace: string, space: Space, turn: number): Promise<void> {
    for (const quota of space.quotas.values())
      for (const kind of quota.prefixes.values()) await this.#collections.load(resourceOf(kind));
    // A newer count has begun: who waits for this one waits for that one.
    if (space.counts !== turn) return space.ready;
    space.defaults = allDefaults(limitRangesOf(this.#collections, namespace));
    for (const quota of space.quotas.values()) {
      quota.used = this.#sum(namespace, quota, space.defaults);
      this.#tell(namespace, quota.name);
    }
  }

  #sum(namespace: string, quota: Quota, defaults: ContainerDefaults): Map<string, Quantity> {
    const used = new Map([...quota.hard.keys()].map((name) => [name, zeroQuantity] as const));
    for (const kind of quota.prefixes.values())
      this.#collections.find(resourceOf(kind))?.items.visit(namespace, (_key, item) => {
        addResources(used, taken(quota, kind, { object: item.object(), defaults }));
      });
    return used;
  }

  #tell(namespace: string, name: string): void {
    for (const listener of this.#listeners) listener(namespace, name);
  }
}

function statusOf({ hard, used }: Quota): QuotaUsage {
  return { hard: plainResourceList(hard), used: plainResourceList(used) };
}

function quotaFrom(name: string, object: KubeObject): Quota {
  const hard = resourceListOf(valueAt(object, 'spec', 'hard'));
  const kinds = [...hard.keys()].flatMap(kindsTaking);
  const prefixes = new Map(kinds.map((kind) => [prefixOf(resourceOf(kind)), kind]));
  return {
    ...{ name, hard, prefixes, spec: object['spec'], scopes: scopesOf(object) },
    used: new Map(),
  };
}

/** Of `RESOURCE.GROUP`. */
function resourceOf(kind: string): Resource {
  const dot = kind.indexOf('.');
  if (dot < 0) return { group: '', resource: kind };
  return { group: kind.slice(dot + 1), resource: kind.slice(0, dot) };
}

/** What an object takes of what the quota bounds. */
function taken(
  quota: Quota,
  kind: string,
  { object, defaults }: { object: KubeObject; defaults: ContainerDefaults },
): Map<string, Quantity> {
  if (!inScopes(quota.scopes, kind, object)) return new Map();
  return maskedResources(usageOf(kind, object, defaults), quota.hard);
}

function changesPods(kind: string, object: KubeObject, old: KubeObject): boolean {
  const before = podsAsked(kind, old);
  return !before?.count || !deepEqual(podsAsked(kind, object)?.spec, before.spec);
}

function allDefaults(limitRanges: readonly KubeObject[]): ContainerDefaults {
  const [requests, limits] = [new Map<string, Quantity>(), new Map<string, Quantity>()];
  for (const one of limitRanges.map(defaultsOf)) {
    for (const [name, quantity] of one.requests) requests.set(name, quantity);
    for (const [name, quantity] of one.limits) limits.set(name, quantity);
  }
  return { requests, limits };
}

function refuseExceeding(
  { type, ref }: AdmissionRequest,
  { quota, delta, space }: { quota: Quota; delta: ResourceList; space: Space },
): void {
  const used = new Map(quota.used);
  for (const reserved of space.reserved.values())
    addResources(used, reserved.get(quota) ?? new Map());
  const after = new Map(used);
  addResources(after, delta);
  const exceeded = new Set(
    [...delta.keys()].filter(
      (name) => compareQuantity(after.get(name)!, quota.hard.get(name)!) > 0,
    ),
  );
  if (exceeded.size === 0) return;
  const shown = (list: ResourceList): string => formatResourceList(maskedResources(list, exceeded));
  throw forbiddenBy(
    { type, name: ref.name },
    `exceeded quota: ${quota.name}, requested: ${shown(delta)}, ` +
      `used: ${shown(used)}, limited: ${shown(quota.hard)}`,
  );
}
