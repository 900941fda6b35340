/** How the lists of one type are told apart item by item, read from its schema. */
import type { SchemaNode, TypeSchema } from '../kube/schema.ts';
import type { ListKeys } from './three-way.ts';

/** Lists are one value each when the type is unknown. */
export function listKeysOf(schema: TypeSchema | undefined): ListKeys {
  const known = new Map<string, readonly string[] | undefined>();
  return (path) => {
    if (schema === undefined) return undefined;
    const id = path.join('.');
    if (!known.has(id)) known.set(id, keysAt(schema.root, path));
    return known.get(id);
  };
}

function keysAt(root: SchemaNode, path: readonly string[]): readonly string[] | undefined {
  let node: SchemaNode | undefined = root;
  for (const field of path) {
    // Lists do not count as a step: their items have the list's own path.
    while (node?.shape.list !== undefined) node = node.shape.list.element;
    const map: SchemaNode['shape']['map'] = node?.shape.map;
    node = map?.fields.get(field) ?? map?.element;
  }
  const list = node?.shape.list;
  if (list === undefined) return undefined;
  if (list.relation === 'map' && list.keys.length > 0) return list.keys;
  const mergeKey = node?.patch?.merge ? node.patch.mergeKey : undefined;
  return mergeKey === undefined ? undefined : [mergeKey];
}
