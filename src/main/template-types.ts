/** The catalog as propagation sees it. */
import type { Catalog } from '../apiserver/catalog.ts';
import { conversionOf } from '../apiserver/conversions.ts';
import { apiVersionOf, groupResource, type ResourceType } from '../kube/resource.ts';
import { listKeysOf } from '../propagation/list-keys.ts';
import type { TemplateTypes } from '../propagation/templates.ts';
import type { ListKeys } from '../propagation/three-way.ts';

export function templateTypes(catalog: Catalog): TemplateTypes {
  const keysOf = new Map<string, ListKeys>();
  const inMembers = new Map<string, Map<ResourceType, ResourceType | undefined>>();
  catalog.onChange(() => {
    keysOf.clear();
    inMembers.clear();
  });
  return {
    list: () => catalog.list(),
    onChange: (listener) => catalog.onChange(listener),
    listKeys(type: ResourceType): ListKeys {
      const key = groupResource(type);
      let keys = keysOf.get(key);
      if (keys === undefined) {
        keys = listKeysOf(catalog.schemaOf(type));
        keysOf.set(key, keys);
      }
      return keys;
    },
    inMember(cluster, type) {
      let known = inMembers.get(cluster);
      if (known === undefined) {
        known = new Map();
        inMembers.set(cluster, known);
      }
      if (!known.has(type)) known.set(type, servedIn(catalog, cluster, type));
      return known.get(type);
    },
    someVersions: (cluster, types) =>
      types.flatMap((type) => {
        const versions = catalog.versionsIn(cluster, type);
        if (versions === undefined || versions.includes(type.version)) return [type];
        const [version] = versions;
        return version === undefined ? [] : [{ ...type, version }];
      }),
  };
}

function servedIn(catalog: Catalog, cluster: string, type: ResourceType): ResourceType | undefined {
  const versions = catalog.versionsIn(cluster, type);
  if (versions === undefined || versions.includes(type.version)) return type;
  for (const version of versions) {
    const other = catalog.lookup(type.group, version, type.resource);
    if (other === undefined || conversionOf(other, type.version) !== undefined) continue;
    // What the catalog serves of a version that is not stored has the structure of the stored one.
    if (catalog.factsOf(other).storedAs === apiVersionOf(type)) return other;
  }
  return undefined;
}
