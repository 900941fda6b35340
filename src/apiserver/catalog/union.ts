/** Unites what several servers serve: pure, newest first. */
import { compareVersionNames } from '../custom/custom-kind.ts';
import type { DiscoveredGroup, DiscoveredResource } from './discovered.ts';

/** The types of one server, of a recording, or of our own. */
export interface TypeSet {
  /** A member's name, or of the sets that are always there one with a dot. */
  readonly name: string;
  /** gitVersion. */
  readonly version: string;
  readonly groups: readonly DiscoveredGroup[];
  /** Digest of the OpenAPI v3 document by path ('apis/apps/v1'). */
  readonly documents: ReadonlyMap<string, string>;
}

export interface UnitedVersion {
  readonly group: string;
  readonly version: string;
  /** In the order of the newest server, then of the others. */
  readonly resources: ReadonlyMap<string, DiscoveredResource>;
  /** Digests: the newest server's document, and those that describe resources which it lacks. */
  readonly documents: readonly string[];
}

export interface UnitedGroup {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly UnitedVersion[];
}

/** 'api/v1' or 'apis/apps/v1': the path of a group and version in documents about it. */
export function documentPath({ group, version }: { group: string; version: string }): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Newest first; sets of equal version in the order of their names. */
export function byAge(sets: readonly TypeSet[]): TypeSet[] {
  return [...sets].sort(
    (a, b) => compareVersions(b.version, a.version) || (a.name < b.name ? -1 : 1),
  );
}

/**
 * Compares 'v1.37.2' with 'v1.34.10-eks.3' by their numbers; what is no version is older than all.
 */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return 0;
}

function numbersOf(version: string): number[] {
  const found = /^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(version);
  return [1, 2, 3].map((i) => (found === null ? -1 : Number(found[i] ?? 0)));
}

/** The union of sets, the first one's word counting most. */
export function unite(sets: readonly TypeSet[]): UnitedGroup[] {
  const groups = new Map<string, GroupParts>();
  for (const set of sets)
    for (const { metadata, versions } of set.groups) {
      const name = metadata.name ?? '';
      const group = getOrAdd(groups, name, () => ({ order: [], versions: new Map(), first: set }));
      for (const { version, resources = [] } of versions) {
        if (!group.versions.has(version)) place(group, version, set);
        const parts = getOrAdd(group.versions, version, newParts);
        addVersion(parts, resources, set.documents.get(documentPath({ group: name, version })));
      }
    }
  return [...groups].map(([name, { order, versions }]) => ({
    name,
    versions: order.map((version) => partsOf(name, version, versions.get(version)!)),
  }));
}

function partsOf(
  group: string,
  version: string,
  { resources, documents }: VersionParts,
): UnitedVersion {
  return { group, version, resources, documents };
}

interface GroupParts {
  /** The preferred version first. */
  readonly order: string[];
  readonly versions: Map<string, VersionParts>;
  /** The first server that has the group. */
  readonly first: TypeSet;
}

/**
 * In the order of the first server; a version that it lacks stands before the first one that
 * Kubernetes prefers less.
 */
function place({ order, first }: GroupParts, version: string, set: TypeSet): void {
  const at = set === first ? -1 : order.findIndex((one) => compareVersionNames(version, one) < 0);
  order.splice(at < 0 ? order.length : at, 0, version);
}

interface VersionParts {
  readonly resources: Map<string, DiscoveredResource>;
  readonly documents: string[];
  /** Resources that a document tells of: a server may have none, or none that can be read. */
  readonly described: Set<string>;
}

function addVersion(
  { resources, documents, described }: VersionParts,
  added: readonly DiscoveredResource[],
  document: string | undefined,
): void {
  let brings = false;
  for (const resource of added) {
    const { resource: name } = resource;
    if (!resources.has(name)) resources.set(name, resource);
    if (document === undefined || described.has(name)) continue;
    described.add(name);
    brings = true;
  }
  if (brings && !documents.includes(document!)) documents.push(document!);
}

function newParts(): VersionParts {
  return { resources: new Map(), documents: [], described: new Set() };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
