/**
 * The order of a merged list: what the patch names in the order of the patch, the rest near where
 * it stood.
 */
import { deepEqual } from './json.ts';
import { isObject, type Json } from './object.ts';
import { fieldOf } from './typed.ts';

export interface OrderOptions {
  readonly items: readonly Json[];
  /** Values, or objects that have the merge key. */
  readonly order: readonly Json[];
  /** The list before the patch. */
  readonly server: readonly Json[];
  /** The merge key; undefined for lists of plain values. */
  readonly key: string | undefined;
}

/** Whether two elements are one and the same by the merge key. */
export function sameElement(a: Json, b: Json, key: string | undefined): boolean {
  if (key === undefined || !isObject(a) || !isObject(b)) return deepEqual(a, b);
  return deepEqual(fieldOf(a, key), fieldOf(b, key));
}

/**
 * Two sorted parts, merged: an element of the server goes first when the server had it before the
 * patch's next one.
 */
export function orderElements({ items, order, server, key }: OrderOptions): Json[] {
  const rank = (list: readonly Json[], item: Json): number =>
    list.findIndex((one) => sameElement(one, item, key));
  const ranked = items.map((item) => ({ item, at: rank(order, item), was: rank(server, item) }));
  const named = ranked.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  const others = ranked.filter(({ at }) => at < 0).sort((a, b) => a.was - b.was);
  const out: Json[] = [];
  let next = 0;
  for (const { item, was } of named) {
    while (was >= 0 && next < others.length && others[next]!.was < was)
      out.push(others[next++]!.item);
    out.push(item);
  }
  return [...out, ...others.slice(next).map(({ item }) => item)];
}
