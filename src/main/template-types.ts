/** The catalog as propagation sees it. */
import type { Catalog } from '../apiserver/catalog.ts';
import { groupResource, type ResourceType } from '../kube/resource.ts';
import { listKeysOf } from '../propagation/list-keys.ts';
import type { TemplateTypes } from '../propagation/templates.ts';
import type { ListKeys } from '../propagation/three-way.ts';

export function templateTypes(catalog: Catalog): TemplateTypes {
  const known = new Map<string, ListKeys>();
  catalog.onChange(() => known.clear());
  return {
    list: () => catalog.list(),
    onChange: (listener) => catalog.onChange(listener),
    listKeys(type: ResourceType): ListKeys {
      const key = groupResource(type);
      let keys = known.get(key);
      if (keys === undefined) {
        keys = listKeysOf(catalog.schemaOf(type));
        known.set(key, keys);
      }
      return keys;
    },
  };
}
