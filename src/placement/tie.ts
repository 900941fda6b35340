/**
 * Fair ties: the order of equal clusters differs per object, so that single replicas do not all
 * land in the same cluster.
 */

/** FNV-1a over UTF-16 units, 32 bits. */
function hash(text: string, seed = 0x811c9dc5): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h = Math.imul(h ^ (unit & 0xff), 0x01000193);
    h = Math.imul(h ^ (unit >>> 8), 0x01000193);
  }
  return h >>> 0;
}

/**
 * A full-avalanche finaliser: without it, objects that differ in one letter would order clusters
 * alike.
 */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/**
 * What two objects share to be the same to a person: their uid is unknown before they are created.
 */
export interface Identity {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The object's half of every tie. NUL parts the fields, as no name holds one. */
export function identityHash(object: Identity): number {
  return mix(hash(`${object.group}\0${object.kind}\0${object.namespace}\0${object.name}`));
}

/** The smaller comes first; equal ones are ordered by name. */
export function tie(objectHash: number, cluster: string): number {
  return mix(objectHash ^ mix(hash(cluster)));
}

/** Sorts cluster names (or things with one) by their ties for this object. */
export function byTie<T>(items: readonly T[], object: Identity, nameOf: (item: T) => string): T[] {
  const seed = identityHash(object);
  const keyed = items.map((item) => ({ item, name: nameOf(item), key: tie(seed, nameOf(item)) }));
  keyed.sort((a, b) => a.key - b.key || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return keyed.map((entry) => entry.item);
}
