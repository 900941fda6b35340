/**
 * Objects under another served version of their type: the same bytes but for the name of the
 * version.
 */
import type { StoredItem } from './item.ts';

const renamed = new WeakMap<StoredItem, Map<string, StoredItem>>();

/**
 * The item itself when it is stored under that version; else made once and shared by all who ask.
 */
export function servedAs(item: StoredItem, apiVersion: string): StoredItem {
  if (item.apiVersion === apiVersion) return item;
  let others = renamed.get(item);
  if (others === undefined) {
    others = new Map();
    renamed.set(item, others);
  }
  let other = others.get(apiVersion);
  if (other === undefined) {
    other = item.as(apiVersion);
    others.set(apiVersion, other);
  }
  return other;
}
