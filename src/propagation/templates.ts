/**
 * Watches every type in the federation's own API whose objects travel, and keeps units' templates
 * up to date.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { groupResource, pathOf, type ResourceType } from '../kube/resource.ts';
import type { ListKeys } from './three-way.ts';
import type { Unit, Units } from './unit.ts';

/** What propagation needs to know of the served types. */
export interface TemplateTypes {
  /** Every type that is served, hidden ones excluded. */
  list(): readonly ResourceType[];
  onChange(listener: () => void): () => void;
  /** How the lists in a type's objects are told apart: from its schema. */
  listKeys(type: ResourceType): ListKeys;
  /**
   * The type as a member serves it, if need be under another version of the same structure;
   * undefined: it does not. The type itself as long as nothing is known of the member.
   */
  inMember(cluster: string, type: ResourceType): ResourceType | undefined;
  /** The types of the list that the member serves at all, each in some version. */
  someVersions(cluster: string, types: readonly ResourceType[]): readonly ResourceType[];
}

export interface TemplatesOptions {
  readonly client: RestClient;
  readonly types: TemplateTypes;
  readonly units: Units;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether objects of the type can travel at all. */
  travels(type: ResourceType): boolean;
  onChange(unit: Unit): void;
}

/** Who manages which field of a template is of no matter to its copies, and half of its size. */
function slim(template: KubeObject): KubeObject {
  const { managedFields: _dropped, ...metadata } = template.metadata;
  return { ...template, metadata };
}

export class Templates {
  readonly #options: TemplatesOptions;
  readonly #informers = new Map<
    string,
    { readonly type: ResourceType; readonly informer: Informer }
  >();
  #unsubscribe: (() => void) | undefined;

  constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#unsubscribe = this.#options.types.onChange(() => this.#refresh());
    this.#refresh();
    await Promise.all(
      [...this.#informers.values()].map(({ informer }) => informer.whenSynced(signal)),
    );
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all([...this.#informers.values()].map(({ informer }) => informer.stop()));
  }

  /** The type as served now, for a record that names it. */
  typeOf(group: string, resource: string): ResourceType | undefined {
    return this.#informers.get(groupResource({ group, resource }))?.type;
  }

  /** Served types whose objects live in namespaces. */
  namespaced(): readonly ResourceType[] {
    return [...this.#informers.values()].map(({ type }) => type).filter((type) => type.namespaced);
  }

  #refresh(): void {
    const { types, travels } = this.#options;
    const served = new Set<string>();
    for (const type of types.list()) {
      if (!type.verbs.includes('list') || !type.verbs.includes('watch') || !travels(type)) continue;
      const key = groupResource(type);
      served.add(key);
      const known = this.#informers.get(key);
      if (known !== undefined && known.type.version === type.version) continue;
      void known?.informer.stop();
      this.#informers.set(key, { type, informer: this.#inform(type) });
    }
    // A type goes after its objects: whoever has not heard of their end yet follows on.
    for (const [key, { informer }] of [...this.#informers]) {
      if (served.has(key) || !informer.synced || informer.cache.size > 0) continue;
      this.#informers.delete(key);
      void informer.stop();
    }
  }

  #inform(type: ResourceType): Informer {
    const { client, clock, random, units, onChange } = this.#options;
    const informer = new Informer({ client, clock, random, target: pathOf(type), transform: slim });
    informer.onChange((key, _, now) => {
      const unit = units.of(type, key);
      unit.type = type;
      unit.template = now;
      onChange(unit);
    });
    informer.start();
    return informer;
  }
}
