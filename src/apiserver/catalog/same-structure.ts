/**
 * Whether two versions of a kind differ in nothing but their name, so that one can be served as the
 * other.
 */
import type { ListShape, MapShape, SchemaNode, Shape } from '../../kube/schema.ts';

/** Compares fields and types to any depth; descriptions, defaults and rules are of no matter. */
export function isSameStructure(a: SchemaNode, b: SchemaNode): boolean {
  return sameShape(a.shape, b.shape, new Map());
}

/**
 * `seen`: pairs that are being compared further up; kinds like JSONSchemaProps contain themselves.
 */
function sameShape(a: Shape, b: Shape, seen: Map<Shape, Set<Shape>>): boolean {
  if (a === b || seen.get(a)?.has(b)) return true;
  const others = seen.get(a) ?? new Set<Shape>();
  seen.set(a, others.add(b));
  return (
    a.scalar === b.scalar &&
    a.embedded === b.embedded &&
    sameList(a.list, b.list, seen) &&
    sameMap(a.map, b.map, seen)
  );
}

function sameList(
  a: ListShape | undefined,
  b: ListShape | undefined,
  seen: Map<Shape, Set<Shape>>,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.relation === b.relation &&
    a.keys.join() === b.keys.join() &&
    sameShape(a.element.shape, b.element.shape, seen)
  );
}

function sameMap(
  a: MapShape | undefined,
  b: MapShape | undefined,
  seen: Map<Shape, Set<Shape>>,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.fields.size !== b.fields.size || a.preservesUnknown !== b.preservesUnknown) return false;
  if ((a.element === undefined) !== (b.element === undefined)) return false;
  for (const [name, node] of a.fields) {
    const other = b.fields.get(name);
    if (other === undefined || !sameShape(node.shape, other.shape, seen)) return false;
  }
  return a.element === undefined || sameShape(a.element.shape, b.element!.shape, seen);
}
