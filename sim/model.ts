/**
 * What users know of their objects: the last write that was acknowledged, and those that may have
 * been.
 */

export interface Known {
  readonly resource: string;
  readonly group: string;
  readonly namespace: string;
  readonly name: string;
}

/** No object of that name. */
export const absent = 0;

interface Entry {
  readonly known: Known;
  /** Markers of the writes that may be the newest; one, unless a write's outcome is not known. */
  readonly markers: ReadonlySet<number>;
}

export class UserModel {
  readonly #entries = new Map<string, Entry>();
  #marker = 0;

  /** A number that no write has had. */
  nextMarker(): number {
    return ++this.#marker;
  }

  /** The write was acknowledged. */
  acknowledged(known: Known, marker: number): void {
    this.#entries.set(keyOf(known), { known, markers: new Set([marker]) });
  }

  /** Nobody knows whether the write was made. */
  uncertain(known: Known, marker: number): void {
    const before = this.#entries.get(keyOf(known))?.markers ?? [absent];
    this.#entries.set(keyOf(known), { known, markers: new Set([...before, marker]) });
  }

  markers(known: Known): ReadonlySet<number> {
    return this.#entries.get(keyOf(known))?.markers ?? new Set([absent]);
  }

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Objects that may stand. */
  standing(): Known[] {
    return this.all()
      .filter(({ markers }) => markers.size > 1 || !markers.has(absent))
      .map(({ known }) => known);
  }

  /** As it is now, for a backup of the federation. */
  copy(): UserModel {
    const copy = new UserModel();
    copy.#marker = this.#marker;
    for (const [key, entry] of this.#entries) copy.#entries.set(key, entry);
    return copy;
  }

  /** Back to a backup; markers go on, as users never write the same twice. */
  restore(backup: UserModel): void {
    this.#entries.clear();
    for (const [key, entry] of backup.#entries) this.#entries.set(key, entry);
  }
}

export function keyOf({ group, resource, namespace, name }: Known): string {
  return `${resource}.${group}|${namespace}/${name}`;
}
