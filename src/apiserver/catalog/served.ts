/** Which of the united types are served, and the one version that each resource is stored in. */
import { apiVersionOf, groupResource, type ResourceType } from '../../kube/resource.ts';
import { typeOf } from './discovered.ts';
import type { UnitedGroup, UnitedVersion } from './union.ts';

export interface ServedType {
  readonly type: ResourceType;
  /** 'apps/v1' */
  readonly storedAs: string;
}

export interface Served {
  /** Groups with the versions and resources that are served. */
  readonly groups: readonly UnitedGroup[];
  /** By 'GROUP/VERSION/RESOURCE'. */
  readonly types: ReadonlyMap<string, ServedType>;
}

export function typeKey(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

export interface ServingRules {
  /** The version that a resource's objects are stored in. `versions` is in order of preference. */
  storedVersion(group: string, resource: string, versions: readonly string[]): string;
  /** Whether objects stored as the second version can be served as the first. */
  converts(type: ResourceType, stored: ResourceType): boolean;
}

/** A version that is not the stored one is left out unless objects can be converted to it. */
export function servedOf(united: readonly UnitedGroup[], rules: ServingRules): Served {
  const types = new Map<string, ServedType>();
  const groups: UnitedGroup[] = [];
  for (const group of united) {
    const versions = group.versions.map((version) =>
      servedVersion(group, version, { types, rules }),
    );
    const served = versions.filter(({ resources }) => resources.size > 0);
    if (served.length > 0) groups.push({ name: group.name, versions: served });
  }
  return { groups, types };
}

function servedVersion(
  group: UnitedGroup,
  united: UnitedVersion,
  { types, rules }: { types: Map<string, ServedType>; rules: ServingRules },
): UnitedVersion {
  const resources = new Map(united.resources);
  for (const [name, resource] of united.resources) {
    const having = group.versions.filter((other) => other.resources.has(name));
    const names = having.map(({ version }) => version);
    const stored = names.length === 1 ? names[0]! : rules.storedVersion(group.name, name, names);
    const type = typeOf(united, resource);
    if (stored !== united.version) {
      const other = having.find(({ version }) => version === stored)!;
      if (!rules.converts(type, typeOf(other, other.resources.get(name)!))) {
        resources.delete(name);
        continue;
      }
    }
    const storedAs = apiVersionOf({ group: group.name, version: stored });
    types.set(typeKey(group.name, united.version, name), { type, storedAs });
  }
  return { ...united, resources };
}

/** Where the resource's objects are counted: 'deployments.apps'. */
export function resourceKey(group: string, resource: string): string {
  return groupResource({ group, resource });
}
