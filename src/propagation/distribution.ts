/** One unit as its Distribution: where the copies are, and why. Pure. */
import { createHash } from 'node:crypto';
import {
  type ClusterEntry,
  type CopyState,
  clusterDistributionKind,
  distributionKind,
} from '../api/distribution.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf, groupResource } from '../kube/resource.ts';
import type { Member } from '../members/member-set.ts';
import { type ClusterReason, wantedIn } from '../placement/decision.ts';
import type { Copy } from './copy.ts';
import { readyOf } from './decide-unit.ts';
import { dataKey } from './render.ts';
import type { Unit } from './unit.ts';

/** States in which a copy is as it should be. */
const fine: ReadonlySet<CopyState> = new Set(['Synced']);

/** `web.deployments.apps`: one name space for all types. */
export function distributionName(unit: Unit): string {
  return `${unit.name}.${groupResource(unit.type)}`;
}

/** Undefined when the unit has nothing to tell: it stays home, or its copies are gone. */
export function distributionOf(
  unit: Unit,
  members: readonly Member[],
  resourceVersion: string,
): KubeObject | undefined {
  const entries = entriesOf(unit, members);
  const present = entries.filter((entry) => entry.state !== 'NotChosen');
  if (unit.template === undefined && present.length === 0) return undefined;
  if (unit.decision === undefined && present.length === 0 && unit.obstacle === undefined)
    return undefined;
  const { type } = unit.namespace === '' ? clusterDistributionKind : distributionKind;
  const template = unit.template?.metadata;
  const trouble = present.find((entry) => !fine.has(entry.state));
  const conditions = unit.result?.conditions ?? [];
  const frozen = conditions.find(
    (condition) => condition.type === 'Frozen' && condition.status === 'True',
  );
  const reason = frozen?.reason ?? unit.obstacle?.reason ?? troubleText(trouble);
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: {
      name: distributionName(unit),
      ...(unit.namespace === '' ? {} : { namespace: unit.namespace }),
      uid: uidOf(unit),
      resourceVersion,
      ...(template?.creationTimestamp === undefined
        ? {}
        : { creationTimestamp: template.creationTimestamp }),
    },
    status: {
      template: {
        apiVersion: apiVersionOf(unit.type),
        kind: unit.type.kind,
        name: unit.name,
        ...(template === undefined ? {} : { uid: template.uid, generation: template.generation }),
      },
      ...(unit.decision === undefined
        ? {}
        : { mode: unit.decision.decision.mode, decision: unit.decision.decision.number }),
      summary: summaryOf(present),
      synced: `${present.filter((entry) => fine.has(entry.state)).length}/${present.length}`,
      ...(reason === undefined ? {} : { reason }),
      ...(unit.result === undefined ? {} : { unplaced: unit.result.unplaced }),
      clusters: entries,
      conditions: [...conditions, ...obstacleCondition(unit)],
    },
  };
}

function troubleText(entry: ClusterEntry | undefined): string | undefined {
  return entry === undefined ? undefined : `${entry.reason} in ${entry.name}`;
}

function obstacleCondition(unit: Unit) {
  if (unit.obstacle === undefined) return [];
  return [{ type: 'Decided', status: 'False', ...unit.obstacle }];
}

function summaryOf(entries: readonly ClusterEntry[]): string {
  const shares = entries.filter((entry) => entry.state !== 'Removing');
  if (shares.every((entry) => entry.share === undefined))
    return shares.map((entry) => entry.name).join(',');
  return shares.map((entry) => `${entry.name}=${entry.share ?? 0}`).join(',');
}

function entriesOf(unit: Unit, members: readonly Member[]): ClusterEntry[] {
  const byName = new Map(members.map((member) => [member.name, member]));
  const names = new Set([...byName.keys(), ...unit.clusters()]);
  return [...names].sort().map((name) => entryOf(unit, name, byName.get(name)));
}

function entryOf(unit: Unit, name: string, member: Member | undefined): ClusterEntry {
  const copy = unit.copies.get(name);
  const share = wantedIn(unit.decision?.decision, name);
  const chosen = unit.result?.reasons.get(name);
  const said = sayOf(unit, { copy, chosen, member, name });
  const live = copy?.live;
  const counts =
    live !== undefined && (dataKey(unit.type) in countsReady || share?.share !== undefined);
  return {
    name,
    state: said.state,
    ...(share?.share === undefined ? {} : { share: share.share }),
    ...(counts ? { ready: readyOf(live) } : {}),
    reason: said.reason,
    message: said.message,
    ...(copy?.problem === undefined
      ? {}
      : { lastError: { time: copy.problem.time, message: copy.problem.message } }),
    ...(copy === undefined || copy.drift.length === 0 ? {} : { drift: copy.drift }),
    ...(copy === undefined || copy.altered.length === 0 ? {} : { altered: copy.altered }),
  };
}

const countsReady: Readonly<Record<string, true>> = {
  'statefulsets.apps': true,
  'daemonsets.apps': true,
};

interface Says {
  readonly state: CopyState;
  readonly reason: string;
  readonly message: string;
}

function sayOf(
  unit: Unit,
  seen: {
    copy: Copy | undefined;
    chosen: ClusterReason | undefined;
    member: Member | undefined;
    name: string;
  },
): Says {
  const { copy, chosen, member, name } = seen;
  const wanted = wantedIn(unit.decision?.decision, name) !== undefined;
  const live = copy?.live;
  const uid = copy?.mark?.uid;
  if (!wanted) {
    const { keptFor } = copy ?? {};
    return unwanted(unit, { live: live !== undefined, keptFor, uid, chosen, name });
  }
  if (member === undefined || !member.health.reachable) {
    return {
      state: 'Unreachable',
      reason: 'Unreachable',
      message: member?.health.message ?? 'no such cluster',
    };
  }
  if (!member.health.writable) {
    return { state: 'Waiting', reason: member.health.reason, message: member.health.message };
  }
  if (copy?.problem !== undefined) {
    const { reason, message } = copy.problem;
    const state = reason === 'NameTaken' || reason === 'Drifted' ? reason : 'Failed';
    return { state, reason, message };
  }
  if (copy?.used)
    return { state: 'Synced', reason: 'Used', message: 'it was there before and is used as it is' };
  if (live === undefined)
    return { state: 'Pending', reason: 'Pending', message: 'not written yet' };
  if (copy?.written?.hash !== unit.renderedHash(name)) {
    return {
      state: 'Pending',
      reason: 'Updating',
      message: 'the newest version is not written yet',
    };
  }
  return { state: 'Synced', reason: chosen?.reason ?? 'Chosen', message: chosen?.message ?? '' };
}

function unwanted(
  unit: Unit,
  seen: {
    live: boolean;
    keptFor: string | undefined;
    uid: string | undefined;
    chosen: ClusterReason | undefined;
    name: string;
  },
): Says {
  const { live, keptFor, uid, chosen, name } = seen;
  if (!live && keptFor !== undefined) {
    const message = `it stays, without our mark, for what is in it: ${keptFor}`;
    return { state: 'Kept', reason: 'HoldsStrangers', message };
  }
  if (!live) {
    return {
      state: 'NotChosen',
      reason: chosen?.reason ?? 'NotChosen',
      message: chosen?.message ?? 'no copy is wanted here',
    };
  }
  const recorded = uid !== undefined && unit.tombstones.has(uid);
  if (recorded || unit.decision?.spec.removing[name] !== undefined) {
    return { state: 'Removing', reason: 'Removing', message: 'the copy is being removed' };
  }
  return {
    state: 'Orphaned',
    reason: 'Orphaned',
    message:
      'it bears our mark, but nothing here says that it should be there or go: it is left alone',
  };
}

/** Stable over restarts, like the uid of any object. */
function uidOf(unit: Unit): string {
  const hex = createHash('sha256').update(`Distribution ${unit.key}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}
