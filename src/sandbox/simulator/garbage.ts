/** Dependents go when their owners are gone, and before owners that wait for them. */
import type { KubeObject } from '../../kube/object.ts';
import type { Followed } from './followed.ts';

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

export class GarbageCollector {
  readonly #followed: readonly Followed[];

  constructor(followed: readonly Followed[]) {
    this.#followed = followed;
  }

  /** Begins to hear of changes; `look` is asked to collect for an owner's uid. */
  listen(look: (uid: string) => void): void {
    for (const each of this.#followed) {
      each.onChange((_, old, now) => {
        if (now === undefined) {
          look(old!.metadata.uid!);
          for (const { uid } of old!.metadata.ownerReferences ?? []) look(uid);
          return;
        }
        if (now.metadata.deletionTimestamp !== undefined) look(now.metadata.uid!);
        for (const { uid } of now.metadata.ownerReferences ?? []) {
          // Made a moment too late, for an owner that went meanwhile.
          if (old === undefined && this.#find(uid) === undefined) look(uid);
        }
      });
    }
  }

  async reconcile(uid: string): Promise<void> {
    const owner = this.#find(uid);
    const dependents = this.#followed.flatMap((followed) =>
      followed.of(uid).map((object) => ({ followed, object })),
    );
    if (owner === undefined) {
      for (const { followed, object } of dependents) {
        if (this.#stillOwned(object)) continue;
        if (object.metadata.deletionTimestamp !== undefined) continue;
        await followed.remove(object, { propagationPolicy: 'Background' });
      }
      return;
    }
    const { finalizers = [], deletionTimestamp } = owner.object.metadata;
    if (deletionTimestamp === undefined) return;
    if (finalizers.includes(orphan)) {
      for (const { followed, object } of dependents) await this.#release(followed, object, uid);
      await this.#unfinalize(owner, orphan);
    } else if (finalizers.includes(foreground)) {
      for (const { followed, object } of dependents) {
        if (object.metadata.deletionTimestamp !== undefined) continue;
        await followed.remove(object, { propagationPolicy: 'Foreground' });
      }
      if (dependents.length === 0) await this.#unfinalize(owner, foreground);
    }
  }

  #find(uid: string): { readonly followed: Followed; readonly object: KubeObject } | undefined {
    for (const followed of this.#followed) {
      const object = followed.byUid(uid);
      if (object !== undefined) return { followed, object };
    }
    return undefined;
  }

  #stillOwned({ metadata }: KubeObject): boolean {
    return (metadata.ownerReferences ?? []).some(({ uid }) => this.#find(uid) !== undefined);
  }

  async #release(followed: Followed, object: KubeObject, owner: string): Promise<void> {
    const left = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner);
    const ownerReferences = left.length === 0 ? null : left;
    await followed.patch(object, { metadata: { ownerReferences } });
  }

  async #unfinalize(
    { followed, object }: { followed: Followed; object: KubeObject },
    finalizer: string,
  ): Promise<void> {
    const left = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    const finalizers = left.length === 0 ? null : left;
    const { resourceVersion } = object.metadata;
    await followed.patch(object, { metadata: { resourceVersion, finalizers } });
  }
}
