/**
 * The union of all served types: shipped ones, our own, and those of the members; what is known of
 * them survives a restart.
 */
import type { Column, Kind } from '../api/kind.ts';
import type { Logger } from '../base/log.ts';
import type { JsonObject } from '../kube/object.ts';
import {
  apiVersionOf,
  groupResource,
  parseApiVersion,
  type ResourceType,
} from '../kube/resource.ts';
import type { TypeSchema } from '../kube/schema.ts';
import { SchemaSet, schemalessType } from '../kube/schema-set.ts';
import type { Store } from '../store/store.ts';
import type { DiscoveredGroup } from './catalog/discovered.ts';
import { Documents, OpenapiDocument } from './catalog/documents.ts';
import { type MemberTypes, memberSet } from './catalog/member-set.ts';
import { discoveredKinds, kindDocuments } from './catalog/own-kinds.ts';
import { CatalogPersistence, digestsOf } from './catalog/persistence.ts';
import { readBaseTypes } from './catalog/recorded.ts';
import { isSameStructure } from './catalog/same-structure.ts';
import { scalePathsOf } from './catalog/scale-paths.ts';
import { type Served, type ServedType, servedOf, typeKey } from './catalog/served.ts';
import { isForeign, skewOf } from './catalog/skew.ts';
import { byAge, documentPath, type TypeSet, type UnitedGroup, unite } from './catalog/union.ts';
import { unitedDocument } from './catalog/united-document.ts';
import { type Conversion, conversionOf } from './conversions.ts';
import type { ConversionCalls } from './custom/conversion-calls.ts';
import { customConversion } from './custom/custom-conversion.ts';
import { describeCustom } from './custom/custom-document.ts';
import type { CustomKind } from './custom/custom-kind.ts';
import { CustomKinds } from './custom/custom-kinds.ts';
import { prefixOf } from './registry/collections.ts';
import type { TypeBook, TypeFacts } from './registry/type-facts.ts';

export type { AggregatedDiscovery, DiscoveredGroup } from './catalog/discovered.ts';
export type { MemberTypes } from './catalog/member-set.ts';

/**
 * Types that nobody serves any more but that have stored objects. No member's name has a dot in
 * front.
 */
const keptName = '.kept';
const baseName = '.base';
const ownName = '.own';
const customName = '.custom';

export interface CatalogOptions {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly logger: Logger;
}

export class Catalog implements TypeBook {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #documents = new Documents();
  readonly #persistence: CatalogPersistence;
  readonly #schemas = new SchemaSet();
  /** Path → digests that its compiled schemas come from. */
  readonly #compiled = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  /** Always there: our own kinds first, shipped types last. */
  #own: TypeSet | undefined;
  #base: TypeSet | undefined;
  /** Of the federation's own definitions; its kinds and versions are what they say. */
  #custom: TypeSet = { name: customName, version: '', groups: [], documents: new Map() };
  #customs: CustomKinds = new CustomKinds([]);
  /** Of members, and the kept one, by name. */
  #sets = new Map<string, TypeSet>();
  #storedVersions = new Map<string, string>();
  #served: Served = { groups: [], types: new Map() };
  #facts = new Map<string, TypeFacts>();
  #changing: Promise<unknown> = Promise.resolve();

  private constructor({ store, kinds, logger }: CatalogOptions) {
    this.#store = store;
    this.#logger = logger;
    this.#kinds = new Map(kinds.map((kind) => [keyOf(kind.type), kind]));
    this.#persistence = new CatalogPersistence(store, this.#documents);
  }

  /** Loads what the members served when this ran last. */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options);
    const { sets, storedVersions } = await catalog.#persistence.load();
    catalog.#sets = new Map(sets.map((set) => [set.name, set]));
    catalog.#storedVersions = storedVersions;
    catalog.#loadBase(options.kinds);
    catalog.#serve(catalog.#united(catalog.#sets));
    return catalog;
  }

  /** Any served type, hidden ones too; undefined: 404. */
  lookup(group: string, version: string, resource: string): ResourceType | undefined {
    return this.#find(group, version, resource)?.type;
  }

  /** Every resource once, in the version it is stored in; hidden kinds excluded. */
  list(): readonly ResourceType[] {
    const types: ResourceType[] = [];
    for (const { type, storedAs } of this.#served.types.values())
      if (
        (this.#customs.preferredOf(type) ?? storedAs) === apiVersionOf(type) &&
        this.#kinds.get(keyOf(type))?.hidden !== true
      )
        types.push(type);
    return types;
  }

  /** The same resource in every version that is served, the preferred one first. */
  versionsOf({ group, resource }: ResourceType): readonly ResourceType[] {
    const found = this.#served.groups.find(({ name }) => name === group);
    return (found?.versions ?? []).flatMap(({ version, resources }) =>
      resources.has(resource) ? (this.lookup(group, version, resource) ?? []) : [],
    );
  }

  /** The resource of a kind. */
  typeOfKind(apiVersion: string, kind: string): ResourceType | undefined {
    for (const { type } of this.#served.types.values())
      if (type.kind === kind && apiVersionOf(type) === apiVersion) return type;
    return undefined;
  }

  schemaOf(type: ResourceType): TypeSchema {
    return this.factsOf(type).schema;
  }

  factsOf(type: ResourceType): TypeFacts {
    const key = typeKey(type.group, type.version, type.resource);
    let facts = this.#facts.get(key);
    if (facts === undefined) {
      facts = {
        schema: this.#schemas.lookup(type.group, type.version, type.kind) ?? schemalessType(type),
        storedAs: this.#served.types.get(key)?.storedAs ?? apiVersionOf(type),
        own: this.#kinds.get(keyOf(type)),
        custom: this.#customs.factsOf(type),
        skew: isForeign(type) ? this.#skewOf(type) : [],
        scale: this.#customs.versionOf(type)?.scale ?? scalePathsOf(type),
      };
      this.#facts.set(key, facts);
    }
    return facts;
  }

  #skewOf(type: ResourceType): string[] {
    const members = byAge([...this.#sets.values()].filter(({ name }) => name !== keptName));
    return skewOf(type, members, (digest) => this.#documents.read(digest));
  }

  /** Printer columns that the kind declares itself. */
  columnsOf(type: ResourceType): readonly Column[] | undefined {
    return this.#kinds.get(keyOf(type))?.columns ?? this.#customs.versionOf(type)?.columns;
  }

  /** Versions of a resource that one member serves; undefined: nothing is known of the member. */
  versionsIn(
    member: string,
    { group, resource }: Pick<ResourceType, 'group' | 'resource'>,
  ): readonly string[] | undefined {
    const found = this.#sets
      .get(member)
      ?.groups.find(({ metadata }) => (metadata.name ?? '') === group);
    if (!this.#sets.has(member)) return undefined;
    const versions = found?.versions ?? [];
    return versions
      .filter(({ resources = [] }) => resources.some((each) => each.resource === resource))
      .map(({ version }) => version);
  }

  /** What discovery shows: groups in order, versions by preference, without hidden kinds. */
  get groups(): readonly UnitedGroup[] {
    return this.#served.groups;
  }

  /**
   * What tells the states of an OpenAPI v3 document apart; undefined: there is none at this path.
   */
  documentHash(path: string): string | undefined {
    return this.#documentsAt(path)?.join('-');
  }

  /** The OpenAPI v3 document at 'api/v1' or 'apis/GROUP/VERSION'. */
  document(path: string): Buffer | undefined {
    const digests = this.#documentsAt(path);
    if (digests === undefined) return undefined;
    return unitedDocument(digests.map((digest) => this.#documents.read(digest)));
  }

  /** Synchronous, after any served type or document changed. Returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes in the kinds that the federation's own definitions describe. */
  setCustom(kinds: readonly CustomKind[]): Promise<void> {
    return this.#change(async () => {
      const customs = new CustomKinds(kinds, this.#store.revision, this.#customs);
      const { groups, documents } = describeCustom(kinds, this.#meta());
      const digests = new Map<string, string>();
      for (const [path, document] of documents)
        digests.set(path, this.#documents.add(documentOf(document)));
      const before = { customs: this.#customs, custom: this.#custom };
      this.#customs = customs;
      this.#custom = { ...this.#custom, groups, documents: digests };
      await this.#serveOr(
        () => {
          this.#customs = before.customs;
          this.#custom = before.custom;
        },
        async () => this.#serve(this.#united(this.#sets)),
      );
    });
  }

  /** How a custom kind's version comes from the stored one; undefined: by its name alone. */
  customConversion(
    type: ResourceType,
    stored: string,
    calls: ConversionCalls | undefined,
  ): Conversion | undefined {
    const { custom, schema } = this.factsOf(type);
    if (custom === undefined || type.version === stored) return undefined;
    const other = this.lookup(type.group, stored, type.resource);
    if (other === undefined) return undefined;
    const same = isSameStructure(schema.root, this.schemaOf(other).root);
    if (same && custom.kind.webhook === undefined) return undefined;
    return customConversion(custom.kind, { type, schema }, calls);
  }

  /** Whether a definition of the federation's own describes the type. */
  isCustom(type: ResourceType): boolean {
    return this.#customs.versionOf(type) !== undefined;
  }

  /** Takes in what a member serves; the served types have changed when the promise resolves. */
  setMember(name: string, types: MemberTypes): Promise<void> {
    return this.#change(async () => {
      const parts = { documents: this.#documents, logger: this.#logger };
      const set = memberSet(name, types, parts);
      const old = this.#sets.get(name);
      if (old !== undefined && JSON.stringify(setKey(old)) === JSON.stringify(setKey(set))) return;
      await this.#replace(new Map(this.#sets).set(name, set), name);
    });
  }

  /** Forgets a member. Types that have stored objects stay. */
  removeMember(name: string): Promise<void> {
    return this.#change(async () => {
      if (!this.#sets.has(name)) return;
      const sets = new Map(this.#sets);
      sets.delete(name);
      await this.#replace(sets, name);
    });
  }

  /** One change at a time, in the order asked. */
  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(change, change);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #replace(sets: Map<string, TypeSet>, changed: string): Promise<void> {
    const kept = await this.#keptSet(sets);
    sets.delete(keptName);
    if (kept !== undefined) sets.set(keptName, kept);
    const united = this.#united(sets);
    const storedVersions = await this.#chooseVersions(united);
    const gone = [changed, keptName].filter((name) => this.#sets.has(name) && !sets.has(name));
    const before = { sets: this.#sets, storedVersions: this.#storedVersions };
    const wanted = digestsOf([...sets.values(), ...this.#always()]);
    this.#sets = sets;
    this.#storedVersions = storedVersions;
    await this.#serveOr(
      () => {
        this.#sets = before.sets;
        this.#storedVersions = before.storedVersions;
      },
      async () => {
        // What cannot be served is not stored: it would stop the next start.
        this.#serve(united);
        if (kept !== undefined)
          await this.#persistence.save({ set: kept, gone: [], storedVersions });
        await this.#persistence.save({ set: sets.get(changed), gone, wanted, storedVersions });
      },
    );
  }

  /** Serves what has come, or, when that fails, what was served before. @throws what failed */
  async #serveOr(undo: () => void, serve: () => Promise<void>): Promise<void> {
    try {
      await serve();
    } catch (error) {
      undo();
      this.#serve(this.#united(this.#sets));
      throw error;
    }
    this.#told();
  }

  /** Forgets the documents that nobody needs now, and tells of what is served. */
  #told(): void {
    this.#documents.keep(digestsOf([...this.#sets.values(), ...this.#always()]));
    for (const listener of this.#listeners) listener();
  }

  /** A set of the types that would vanish although objects of theirs are stored. */
  async #keptSet(sets: ReadonlyMap<string, TypeSet>): Promise<TypeSet | undefined> {
    const others = [...sets.values()].filter(({ name }) => name !== keptName);
    const offered = [...others, ...this.#always()];
    const groups: DiscoveredGroup[] = [];
    const documents = new Map<string, string>();
    for (const group of this.#served.groups)
      for (const { version, resources, documents: digests } of group.versions)
        for (const [resource, discovered] of resources) {
          const type = { group: group.name, version, resource };
          if (offered.some((set) => serves(set.groups, type))) continue;
          const stored = this.#find(group.name, version, resource)?.storedAs;
          if (stored !== apiVersionOf(type) || !(await this.#hasObjects(type))) continue;
          groups.push({
            metadata: { name: group.name },
            versions: [{ version, resources: [discovered] }],
          });
          if (digests[0] !== undefined) documents.set(documentPath(type), digests[0]);
        }
    return groups.length === 0 ? undefined : { name: keptName, version: '', groups, documents };
  }

  async #hasObjects(resource: { group: string; resource: string }): Promise<boolean> {
    const { entries } = await this.#store.range({ prefix: prefixOf(resource), limit: 1 });
    return entries.length > 0;
  }

  /**
   * The version that each resource with several of them is stored in: it moves only while nothing
   * is stored.
   */
  async #chooseVersions(united: readonly UnitedGroup[]): Promise<Map<string, string>> {
    const chosen = new Map<string, string>();
    for (const { name: group, versions } of united) {
      const having = new Map<string, string[]>();
      for (const { version, resources } of versions)
        for (const resource of resources.keys())
          having.set(resource, [...(having.get(resource) ?? []), version]);
      for (const [resource, names] of having) {
        const before = this.#storedVersionOf(group, resource);
        const moves =
          before === undefined || before === names[0] || !names.includes(before)
            ? true
            : !(await this.#hasObjects({ group, resource }));
        chosen.set(groupResource({ group, resource }), moves ? names[0]! : before!);
      }
    }
    return chosen;
  }

  #storedVersionOf(group: string, resource: string): string | undefined {
    return this.#storedVersions.get(groupResource({ group, resource }));
  }

  #united(sets: ReadonlyMap<string, TypeSet>): UnitedGroup[] {
    const members = byAge([...sets.values()]).map((set) => this.#customs.without(set));
    return unite([this.#own!, this.#custom, ...members, this.#base!]);
  }

  /** Sets that are no member's. */
  #always(): readonly TypeSet[] {
    return [this.#base!, this.#own!, this.#custom];
  }

  #serve(united: readonly UnitedGroup[]): void {
    this.#compile(united);
    const all = servedOf(united, {
      storedVersion: (group, resource, versions) => {
        const stored = this.#storedVersionOf(group, resource);
        return stored !== undefined && versions.includes(stored) ? stored : versions[0]!;
      },
      converts: (a, b) => this.#isSame(a, b) || conversionOf(a, b.version) !== undefined,
    });
    this.#facts = new Map();
    const types = this.#withHidden(all.types);
    for (const [key, storedAs] of this.#customs.stored) {
      const served = types.get(key);
      if (served !== undefined) types.set(key, { ...served, storedAs });
    }
    this.#served = { types, groups: all.groups };
  }

  #withHidden(types: ReadonlyMap<string, ServedType>): Map<string, ServedType> {
    const all = new Map(types);
    for (const { type, hidden } of this.#kinds.values())
      if (hidden === true)
        all.set(typeKey(type.group, type.version, type.resource), {
          type,
          storedAs: apiVersionOf(type),
        });
    return all;
  }

  #isSame(a: ResourceType, b: ResourceType): boolean {
    if (a.kind !== b.kind || a.namespaced !== b.namespaced) return false;
    if (this.isCustom(a)) return true;
    const [x, y] = [a, b].map((t) => this.#schemas.lookup(t.group, t.version, t.kind));
    return x !== undefined && y !== undefined && isSameStructure(x.root, y.root);
  }

  /**
   * Gives the schemas of changed documents to the compiler, which reads them when they are first
   * asked for.
   */
  #compile(united: readonly UnitedGroup[]): void {
    const seen = new Set<string>();
    for (const { versions } of united)
      for (const { group, version, documents } of versions) {
        const path = documentPath({ group, version });
        seen.add(path);
        const digests = documents.join('-');
        if (this.#compiled.get(path) === digests || group === undefined) continue;
        this.#compiled.set(path, digests);
        const load = (): Buffer => unitedDocument(documents.map((d) => this.#documents.read(d)));
        if (documents.length > 0) this.#schemas.addDocument({ group, version, load });
      }
    for (const path of [...this.#compiled.keys()]) {
      if (seen.has(path)) continue;
      this.#compiled.delete(path);
      const { group, version } = parseApiVersion(path.replace(/^apis?\//, ''));
      this.#schemas.remove(group, version);
    }
    // Own kinds' rules come from their schema itself, and win over the document that shows them.
    for (const { type, schema } of this.#kinds.values()) this.#schemas.addKind(type, schema);
    this.#customs.compileInto(this.#schemas);
  }

  #find(group: string, version: string, resource: string): ServedType | undefined {
    return this.#served.types.get(typeKey(group, version, resource));
  }

  #documentsAt(path: string): readonly string[] | undefined {
    const [root, group = '', version = ''] = path.startsWith('api/')
      ? ['api', '', path.slice(4)]
      : path.split('/');
    if (root !== 'api' && root !== 'apis') return undefined;
    const found = this.#served.groups
      .find(({ name }) => name === group)
      ?.versions.find((candidate) => candidate.version === version);
    return found === undefined || found.documents.length === 0 ? undefined : found.documents;
  }

  #loadBase(kinds: readonly Kind[]): void {
    const recorded = readBaseTypes();
    const documents = new Map<string, string>();
    for (const [path, document] of recorded.openapiV3)
      documents.set(path, this.#documents.add(document));
    this.#base = {
      name: baseName,
      version: recorded.version,
      groups: recorded.discovery.items,
      documents,
    };
    const shown = kinds.filter(({ hidden }) => hidden !== true);
    const own = new Map<string, string>();
    const made = kindDocuments(shown, this.#meta());
    for (const [path, document] of made) own.set(path, this.#documents.add(documentOf(document)));
    this.#own = { name: ownName, version: '', groups: discoveredKinds(shown), documents: own };
  }

  /** A document with the schema of ObjectMeta. */
  #meta(): JsonObject {
    const leases = readBaseTypes().openapiV3.get('apis/coordination.k8s.io/v1')!.bytes;
    return JSON.parse(leases.toString('utf8')) as JsonObject;
  }
}

function documentOf(document: JsonObject): OpenapiDocument {
  return new OpenapiDocument('', Buffer.from(JSON.stringify(document)));
}

function keyOf(type: ResourceType): string {
  return typeKey(type.group, type.version, type.resource);
}

function setKey({ version, groups, documents }: TypeSet): unknown {
  return [version, groups, [...documents]];
}

function serves(
  groups: readonly DiscoveredGroup[],
  type: { group: string; version: string; resource: string },
): boolean {
  return groups.some(
    ({ metadata, versions }) =>
      (metadata.name ?? '') === type.group &&
      versions.some(
        ({ version, resources = [] }) =>
          version === type.version && resources.some(({ resource }) => resource === type.resource),
      ),
  );
}
