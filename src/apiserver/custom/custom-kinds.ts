/** The custom kinds that are served, by type: their schemas compiled once per definition. */
import { deepEqual } from '../../kube/json.ts';
import type { JsonObject } from '../../kube/object.ts';
import { apiVersionOf, groupResource, type ResourceType } from '../../kube/resource.ts';
import type { SchemaSet } from '../../kube/schema-set.ts';
import { typeKey } from '../catalog/served.ts';
import type { TypeSet } from '../catalog/union.ts';
import { revisionOf } from '../registry/revision.ts';
import type { CustomKind, CustomVersion } from './custom-kind.ts';

/** What the registry is told of a custom kind. */
export interface CustomFacts {
  readonly kind: CustomKind;
  readonly version: CustomVersion;
  /** Objects written up to this store revision may have been checked by another schema. */
  readonly since: number;
}

/** Revisions that writes may still get which began before a schema changed. */
const underWay = 1024;

export class CustomKinds {
  /** By 'GROUP/VERSION/RESOURCE': the version that objects are stored in. */
  readonly stored: ReadonlyMap<string, string>;
  readonly #facts = new Map<string, CustomFacts>();
  readonly #kinds: ReadonlyMap<string, CustomKind>;
  /** Until the schemas have been compiled. */
  #before: CustomKinds | undefined;
  #compiled = false;

  /**
   * `before`: what is told again of it is not compiled again. `revision`: the store's, of now.
   */
  constructor(kinds: readonly CustomKind[], revision = 0, before?: CustomKinds) {
    this.#before = before;
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    const stored = new Map<string, string>();
    for (const kind of kinds)
      for (const version of kind.versions) {
        const { type } = version;
        const key = typeKey(type.group, type.version, type.resource);
        this.#facts.set(
          key,
          before?.again(key, kind, version) ?? {
            ...{ kind, version },
            since: (before?.has(key) ? revision : revisionOf(kind.revision)) + underWay,
          },
        );
        stored.set(key, apiVersionOf({ group: type.group, version: kind.storage }));
      }
    this.stored = stored;
  }

  /** The facts of a version whose schema is as it was. */
  again(key: string, kind: CustomKind, version: CustomVersion): CustomFacts | undefined {
    const known = this.#facts.get(key);
    if (known === undefined || !deepEqual(known.version.schema, version.schema)) return undefined;
    return { ...known, kind, version: { ...version, schema: known.version.schema } };
  }

  has(key: string): boolean {
    return this.#facts.has(key);
  }

  factsOf({ group, version, resource }: ResourceType): CustomFacts | undefined {
    return this.#facts.get(typeKey(group, version, resource));
  }

  versionOf(type: ResourceType): CustomVersion | undefined {
    return this.factsOf(type)?.version;
  }

  /** The apiVersion that a kind's templates are seen in: as stored, else the preferred one. */
  preferredOf(type: ResourceType): string | undefined {
    const facts = this.factsOf(type);
    if (facts === undefined) return undefined;
    const { storage, versions } = facts.kind;
    const served = versions.some((each) => each.type.version === storage);
    return apiVersionOf(served ? { group: type.group, version: storage } : versions[0]!.type);
  }

  /** A member's types without those that a definition here describes. */
  without(set: TypeSet): TypeSet {
    if (this.#kinds.size === 0) return set;
    const groups = set.groups.map((group) => {
      const { name = '' } = group.metadata;
      const versions = group.versions.map((version) => ({
        ...version,
        resources: (version.resources ?? []).filter(
          ({ resource }) => !this.#kinds.has(groupResource({ group: name, resource })),
        ),
      }));
      return { ...group, versions: versions.filter(({ resources }) => resources.length > 0) };
    });
    return { ...set, groups: groups.filter(({ versions }) => versions.length > 0) };
  }

  /** Gives the compiler the schemas that changed, and takes back those that went. */
  compileInto(schemas: SchemaSet): void {
    if (this.#compiled) return;
    this.#compiled = true;
    for (const [key, { version }] of this.#facts) {
      if (this.#before?.schemaAt(key) === version.schema) continue;
      schemas.addKind(version.type, version.schema);
    }
    for (const { key, type } of this.#before?.all() ?? [])
      if (!this.#facts.has(key)) schemas.removeKind(type);
    this.#before = undefined;
  }

  schemaAt(key: string): JsonObject | undefined {
    return this.#facts.get(key)?.version.schema;
  }

  *all(): Generator<{ key: string; type: ResourceType }> {
    for (const [key, { version }] of this.#facts) yield { key, type: version.type };
  }
}
