/**
 * What is known of one template's copy in one cluster. Lost on restart and learnt again from the
 * member.
 */
import type { DriftEntry } from '../api/distribution.ts';
import { isLater } from '../client/object-head.ts';
import type { KubeObject } from '../kube/object.ts';
import { type Mark, markOf } from './mark.ts';
import type { Problem } from './problem.ts';

export class Copy {
  readonly cluster: string;
  mark: Mark | undefined;
  /** The rendering that was last written or found unchanged, in this process. */
  written: { readonly hash: string; readonly object: KubeObject } | undefined;
  /** What the member made of it. */
  baseline: KubeObject | undefined;
  problem: Problem | undefined;
  /** Uids of templates whose copy is known to be gone from here. */
  readonly goneFrom = new Set<string>();
  /** A create was sent and its outcome is not known: it may stand there though `live` says not. */
  unsure = false;
  drift: DriftEntry[] = [];
  altered: string[] = [];
  /** What in it is not ours, for which it was left standing, unmarked, when it should go. */
  keptFor: string | undefined;
  /** A namespace that was there before us: used, never marked, never deleted. */
  used = false;
  /** Corrections in a row, and when the last was made (monotonic ms): the fourth waits. */
  corrections = 0;
  correctedAt = Number.NEGATIVE_INFINITY;
  /** The last that the member said is gone: an answer to a write may come later than that. */
  #gone: Pick<KubeObject, 'metadata'> | undefined;
  #onPresence: (difference: 1 | -1) => void;
  #live: KubeObject | undefined;

  /** `onPresence` is told when a copy appears or goes, for counting. */
  constructor(cluster: string, onPresence: (difference: 1 | -1) => void = () => {}) {
    this.cluster = cluster;
    this.#onPresence = onPresence;
  }

  /** The newest that is known to stand in the member; undefined = nothing of ours stands there. */
  get live(): KubeObject | undefined {
    return this.#live;
  }

  set live(object: KubeObject | undefined) {
    if ((object === undefined) !== (this.#live === undefined))
      this.#onPresence(object === undefined ? -1 : 1);
    this.#live = object;
  }

  /**
   * Takes what the member says stands there, unless something newer is known already. A stranger
   * (who may bear our label, as children and pasted YAML do) is no copy. True when it was news.
   */
  observe(object: KubeObject, federation: string): boolean {
    if (this.live !== undefined && !isNewer(object, this.live)) return false;
    const gone = this.#gone;
    const same = gone !== undefined && gone.metadata.uid === object.metadata.uid;
    if (same && !isNewer(object, gone)) return false;
    const mark = markOf(object, { federation, cluster: this.cluster });
    if (mark === undefined) {
      const had = this.live !== undefined;
      this.forget();
      return had;
    }
    this.live = object;
    this.unsure = false;
    this.mark = mark;
    this.goneFrom.delete(mark.uid);
    return true;
  }

  /**
   * The watch says that it is gone; `last` is the object as it was then. It may only have lost its
   * label, and with it its place in the watch.
   */
  observeGone(last: KubeObject): boolean {
    const { uid, resourceVersion } = last.metadata;
    this.#gone = { metadata: { uid, resourceVersion } as KubeObject['metadata'] };
    if (this.live === undefined || this.live.metadata.uid !== last.metadata.uid) return false;
    this.forget();
    return true;
  }

  /** Its cluster has left: late answers change nothing that is counted. */
  detach(): void {
    this.forget();
    this.#onPresence = () => {};
  }

  forget(): void {
    this.live = undefined;
    this.unsure = false;
    this.mark = undefined;
    this.written = undefined;
    this.baseline = undefined;
    this.altered = [];
  }
}

function isNewer(object: KubeObject, than: Pick<KubeObject, 'metadata'>): boolean {
  const a = object.metadata.resourceVersion ?? '';
  const b = than.metadata.resourceVersion ?? '';
  if (object.metadata.uid !== than.metadata.uid && a === b) return true;
  return isLater(a, b);
}
