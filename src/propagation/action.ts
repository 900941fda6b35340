/**
 * What to do next about one copy: a pure decision over what is wanted and what stands in the
 * member.
 */
import { createMergePatch } from '../kube/merge-patch.ts';
import type { Json, JsonObject, KubeObject } from '../kube/object.ts';
import type { Copy } from './copy.ts';
import { hashAnnotation } from './mark.ts';
import { ownedPart } from './owned.ts';
import type { Rendering } from './render.ts';
import { type Difference, differences, type ListKeys, mergeThreeWay } from './three-way.ts';

/** What should stand in the cluster. */
export type Wanted =
  | {
      readonly kind: 'copy';
      readonly templateUid: string;
      readonly rendering: Rendering;
      /** What stands there is of a template that no record knows: it is taken over. */
      readonly adopts: boolean;
    }
  /**
   * By record (a tombstone, or a decision that took the copy away): delete it, or take our mark
   * off.
   */
  | { readonly kind: 'gone'; readonly templateUid: string; readonly how: 'Delete' | 'Orphan' }
  /** Nothing is recorded: leave whatever is there. */
  | { readonly kind: 'unknown' };

export type Action =
  | { readonly do: 'nothing' }
  /** It stands there as wanted, though this process did not write it. */
  | { readonly do: 'adopt'; readonly rendering: Rendering }
  | { readonly do: 'create'; readonly rendering: Rendering }
  /** A JSON merge patch for the live object; `drift` are the changes of others that it undoes. */
  | {
      readonly do: 'patch';
      readonly rendering: Rendering;
      readonly patch: JsonObject;
      readonly drift: readonly Difference[];
    }
  | { readonly do: 'delete' }
  | { readonly do: 'unmark' }
  | { readonly do: 'wait'; readonly reason: string; readonly message: string };

const nothing: Action = { do: 'nothing' };

/**
 * Decides from what is known now; carrying it out may find the member changed, and then this is
 * asked again.
 */
export function nextAction(wanted: Wanted, copy: Copy, listKeys: ListKeys): Action {
  const { live, mark } = copy;
  if (wanted.kind === 'unknown') return nothing;
  if (wanted.kind === 'gone') {
    if (live === undefined || mark?.uid !== wanted.templateUid) return nothing;
    if (wanted.how === 'Orphan') return { do: 'unmark' };
    return live.metadata.deletionTimestamp === undefined ? { do: 'delete' } : nothing;
  }
  const { rendering } = wanted;
  if (live === undefined || mark === undefined) return { do: 'create', rendering };
  if (live.metadata.deletionTimestamp !== undefined) {
    return { do: 'wait', reason: 'Terminating', message: 'the copy is being deleted' };
  }
  if (mark.uid !== wanted.templateUid && !wanted.adopts) {
    const message = 'the copy of an earlier object of this name still stands there';
    return { do: 'wait', reason: 'OlderCopy', message };
  }
  return update(rendering, copy, { live, listKeys });
}

function update(
  rendering: Rendering,
  copy: Copy,
  { live, listKeys }: { live: KubeObject; listKeys: ListKeys },
): Action {
  const rendered = rendering.object as unknown as Json;
  const current = live as unknown as Json;
  const ours = copy.written?.hash === rendering.hash;
  const shown = live.metadata.annotations?.[hashAnnotation];
  const unchanged = shown === rendering.hash;
  let drift: Difference[] = [];
  if (ours || unchanged) {
    // Without a memory of the member's answer, our own rendering is what it is held against: a
    // member that alters
    // what it is given costs one needless write after a restart, and is told from drift by its
    // answer to that.
    const baseline = ours ? (copy.baseline as unknown as Json) : rendered;
    drift = differences({ rendered, baseline, live: current }, listKeys);
    if (drift.length === 0) return ours ? nothing : { do: 'adopt', rendering };
  }
  // A write whose answer was lost has left what we do not remember: the member does.
  const remembered = shown === copy.written?.hash ? copy.written?.object : undefined;
  const previous = unchanged ? rendered : (remembered ?? ownedPart(live));
  const merged = mergeThreeWay(
    {
      previous: withoutUnowned(previous as Json, rendered),
      desired: rendered,
      baseline: copy.written === undefined ? undefined : (copy.baseline as unknown as Json),
      live: current,
    },
    listKeys,
  );
  const patch = createMergePatch(current as JsonObject, merged as JsonObject);
  return patch === undefined
    ? { do: 'adopt', rendering }
    : { do: 'patch', rendering, patch: guarded(patch, live), drift };
}

/**
 * Replicas that we wrote once and no longer own stay as they are instead of falling back to a
 * default.
 */
function withoutUnowned(previous: Json, rendered: Json): Json {
  const spec = (previous as JsonObject)['spec'] as JsonObject | undefined;
  const wanted = (rendered as JsonObject)['spec'] as JsonObject | undefined;
  if (spec?.['replicas'] === undefined || wanted?.['replicas'] !== undefined) return previous;
  const { replicas: _, ...rest } = spec;
  return { ...(previous as JsonObject), spec: rest };
}

/** Holds only for the very object that it was computed from. */
function guarded(patch: JsonObject, live: KubeObject): JsonObject {
  const metadata = (patch['metadata'] ?? {}) as JsonObject;
  const { uid, resourceVersion } = live.metadata;
  return { ...patch, metadata: { ...metadata, uid: uid!, resourceVersion: resourceVersion! } };
}
