/**
 * The starts that a store has seen, kept in it: so a Lease of its own past is told from one of a
 * history that a restored backup has undone, however far the store has gone on since.
 */
import { type Random, uuid } from '../base/random.ts';
import type { Store } from '../store/store.ts';

const key = '/starts';
/** Older ones are forgotten: what they wrote counts as ours up to the oldest that is known. */
const most = 100;

interface Start {
  readonly process: string;
  /** The revision that it found. */
  readonly opened: number;
}

export class Starts {
  readonly #store: Store;
  #known: readonly Start[];

  private constructor(store: Store, known: readonly Start[]) {
    this.#store = store;
    this.#known = known;
  }

  /** Notes a start on the store: before anything else is written to it. */
  static async open(store: Store, random: Random): Promise<Starts> {
    const opened = store.revision;
    const entry = await store.get(key);
    const known = entry === undefined ? [] : (JSON.parse(entry.value.toString()) as Start[]);
    const starts = new Starts(store, known);
    await starts.#keep([...known, { process: uuid(random), opened }].slice(-most));
    return starts;
  }

  /** Random, new in every process. */
  get process(): string {
    return this.#known.at(-1)!.process;
  }

  /**
   * The highest revision that a process can have seen in the past of this store: the one that the
   * next process found.
   */
  reach(process: string): number {
    const at = this.#known.findIndex((start) => start.process === process);
    return this.#known[at + 1]?.opened ?? Number.POSITIVE_INFINITY;
  }

  /** Whatever other processes have written up to the store's revision counts as its past. */
  async accept(): Promise<void> {
    await this.#keep([{ process: this.process, opened: this.#store.revision }]);
  }

  async #keep(known: readonly Start[]): Promise<void> {
    await this.#store.commit([{ put: key, value: Buffer.from(JSON.stringify(known)) }]);
    this.#known = known;
  }
}
