/**
 * What an object's removal leaves behind in the same commit: the tombstone that lets its copies go.
 */

import { tombstoneType } from '../api/records.ts';
import type { Companions } from '../apiserver/admission.ts';
import { orphansByDefault } from '../apiserver/registry/removals.ts';
import type { Clock } from '../base/clock.ts';
import type { ObjectMeta } from '../kube/object.ts';
import { modeOf } from '../placement/modes.ts';
import { tombstoneFor } from '../propagation/records.ts';
import { type Units, unitKey } from '../propagation/unit.ts';

export interface CompanionOptions {
  readonly clock: Clock;
  /** Undefined until propagation has started. */
  units(): Units | undefined;
}

/** A tombstone for every object that travels, or has travelled. */
export function tombstonesOf({ clock, units }: CompanionOptions): Companions {
  return ({ type, item, options, user }) => {
    const object = item.object();
    const objectKey = item.namespace === '' ? item.name : `${item.namespace}/${item.name}`;
    const travelled = units()?.get(unitKey(type, objectKey))?.decisions.has(item.uid) === true;
    if (!travelled && modeOf(type, object).mode === 'Home') return [];
    const tombstone = tombstoneFor({
      type,
      object,
      user: user.name,
      propagationPolicy: options?.propagationPolicy ?? policyOf(object.metadata),
      nowMs: clock.now(),
    });
    return [{ type: tombstoneType, object: tombstone }];
  };
}

/** A removal that waited for finalizers remembers how it was asked for in them. */
function policyOf({ finalizers, annotations }: ObjectMeta): 'Background' | 'Foreground' | 'Orphan' {
  if (annotations?.[orphansByDefault] !== undefined) return 'Background';
  if (finalizers?.includes('orphan')) return 'Orphan';
  return finalizers?.includes('foregroundDeletion') ? 'Foreground' : 'Background';
}
