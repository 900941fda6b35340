/**
 * How a member is, as a pure state machine: one probe's result at a time, thresholds, conditions.
 */
import type { ClusterCondition, ClusterConditionType } from '../api/cluster.ts';
import type { LeaseState } from '../reconcile/lease.ts';
import type { MemberHealth } from './port.ts';

/** What one probe found. Every kind but 'silent' is an answer: the member is alive. */
export type Probe =
  | { readonly kind: 'ready'; readonly uid: string }
  /** Our credential is taken, but /readyz or the API says no. */
  | { readonly kind: 'unready'; readonly message: string }
  | { readonly kind: 'unauthorized'; readonly message: string }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'busy'; readonly message: string }
  | { readonly kind: 'failing'; readonly message: string }
  | { readonly kind: 'silent'; readonly message: string };

export type Verdict = 'Unknown' | 'True' | 'False';

export interface HealthState {
  readonly reachable: Verdict;
  readonly ready: Verdict;
  readonly credentials: Verdict;
  /** Whether the member is the one that joined. */
  readonly same: Verdict;
  /** Probes in a row without an answer. */
  readonly silent: number;
  /** Probes in a row that were answered, but not with 'ready'. */
  readonly unready: number;
  /** Why it is not as it should be; '' when it is. */
  readonly message: string;
  /** Why not all that it has is known here; '' when it is. */
  readonly crowded: string;
  /** kube-system's uid as first seen or as recorded; '' when never seen. */
  readonly uid: string;
  /**
   * Monotonic time of the first of the silent probes, milliseconds; undefined while answers come.
   */
  readonly silentSince: number | undefined;
}

export interface HealthThresholds {
  /** Silent probes in a row after which a reachable member counts as out of reach. */
  readonly silent: number;
  /** Unready answers in a row after which a ready member counts as not ready. */
  readonly unready: number;
}

export const defaultThresholds: HealthThresholds = { silent: 3, unready: 3 };

/** Before the first probe. `uid`: the recorded identity, '' for none. */
export function initialHealth(uid: string): HealthState {
  return {
    reachable: 'Unknown',
    ready: 'Unknown',
    credentials: 'Unknown',
    same: 'Unknown',
    silent: 0,
    unready: 0,
    message: 'not probed yet',
    crowded: '',
    uid,
    silentSince: undefined,
  };
}

/** The state after one more probe at `now` (monotonic milliseconds). */
export function afterProbe(
  state: HealthState,
  probe: Probe,
  now: number,
  thresholds: HealthThresholds = defaultThresholds,
): HealthState {
  if (probe.kind === 'silent') return afterSilence(state, probe.message, now, thresholds.silent);
  const answered = { ...state, reachable: 'True', silent: 0, silentSince: undefined } as const;
  switch (probe.kind) {
    case 'ready':
      return afterReady(answered, probe.uid);
    case 'unauthorized':
      return {
        ...afterUnready(answered, probe.message, 1),
        credentials: 'False',
      };
    case 'forbidden':
      // Recognised, but without the rights that join gave: the credential itself is good.
      return { ...afterUnready(answered, probe.message, 1), credentials: 'True' };
    case 'unready':
      return {
        ...afterUnready(answered, probe.message, thresholds.unready),
        credentials: 'True',
      };
    case 'busy':
    case 'failing':
      return afterUnready(answered, probe.message, thresholds.unready);
  }
}

function afterSilence(
  state: HealthState,
  message: string,
  now: number,
  threshold: number,
): HealthState {
  const silent = state.silent + 1;
  const silentSince = state.silentSince ?? now;
  // The first probe sets the state; later it takes several in a row.
  const lost = state.reachable !== 'True' || silent >= threshold;
  if (!lost) return { ...state, silent, silentSince };
  return {
    ...state,
    silent,
    silentSince,
    reachable: 'False',
    ready: 'False',
    unready: 0,
    message,
  };
}

function afterReady(state: HealthState, uid: string): HealthState {
  const same = state.uid === '' || state.uid === uid;
  return {
    ...state,
    ready: 'True',
    credentials: 'True',
    same: same ? 'True' : 'False',
    unready: 0,
    uid: state.uid === '' ? uid : state.uid,
    message: same ? '' : `kube-system has uid ${uid}, the cluster that joined had ${state.uid}`,
  };
}

function afterUnready(state: HealthState, message: string, threshold: number): HealthState {
  const unready = state.unready + 1;
  if (state.ready === 'True' && unready < threshold) return { ...state, unready };
  return { ...state, unready, ready: 'False', message };
}

/** Whether anything may be written there; the lease has its own say. */
export function mayWrite(state: HealthState): boolean {
  return state.reachable === 'True' && state.same === 'True' && state.credentials === 'True';
}

export type ConditionFacts = Omit<ClusterCondition, 'lastTransitionTime'>;

/** The conditions of the Cluster object. */
export function conditionsOf(state: HealthState, lease: LeaseState): ConditionFacts[] {
  return [reachableOf(state), readyOf(state), credentialsOf(state), writableOf(state, lease)];
}

function made(
  type: ClusterConditionType,
  status: Verdict,
  reason: string,
  message = '',
): ConditionFacts {
  return { type, status, reason, message };
}

function reachableOf({ reachable, message }: HealthState): ConditionFacts {
  if (reachable === 'Unknown') return made('Reachable', 'Unknown', 'NotProbed', message);
  if (reachable === 'False') return made('Reachable', 'False', 'NoAnswer', message);
  return made('Reachable', 'True', 'Answers');
}

function readyOf({ reachable, ready, credentials, message, crowded }: HealthState): ConditionFacts {
  if (reachable === 'Unknown') return made('Ready', 'Unknown', 'NotProbed', message);
  if (reachable === 'False') return made('Ready', 'False', 'NoAnswer', message);
  if (credentials === 'False') return made('Ready', 'False', 'Unauthorized', message);
  if (crowded !== '') return made('Ready', 'False', 'TooManyObjects', crowded);
  if (ready === 'True') return made('Ready', 'True', 'Ready');
  return made('Ready', ready, 'NotReady', message);
}

function credentialsOf({ credentials, message }: HealthState): ConditionFacts {
  if (credentials === 'Unknown') return made('CredentialsValid', 'Unknown', 'NotProbed', message);
  if (credentials === 'True') return made('CredentialsValid', 'True', 'Accepted');
  return made('CredentialsValid', 'False', 'Unauthorized', message);
}

function writableOf(state: HealthState, lease: LeaseState): ConditionFacts {
  if (state.same === 'False') return made('Writable', 'False', 'OtherCluster', state.message);
  if (state.reachable !== 'True') {
    return made('Writable', state.reachable, reachableOf(state).reason, state.message);
  }
  if (state.credentials === 'False') {
    return made('Writable', 'False', 'Unauthorized', state.message);
  }
  if (state.same === 'Unknown') return made('Writable', 'Unknown', 'NotIdentified', state.message);
  if (lease.held) return made('Writable', 'True', 'Held');
  if (lease.reason === 'Pending') return made('Writable', 'Unknown', 'Pending', lease.message);
  return made('Writable', 'False', lease.reason, lease.message);
}

/** The same for the federation's own parts. */
export function memberHealthOf(state: HealthState, lease: LeaseState): MemberHealth {
  const conditions = conditionsOf(state, lease);
  const first = conditions.find(({ status }) => status !== 'True');
  const isTrue = (type: ClusterConditionType): boolean =>
    conditions.some((condition) => condition.type === type && condition.status === 'True');
  return {
    reachable: isTrue('Reachable'),
    ready: isTrue('Ready'),
    writable: isTrue('Writable'),
    reason: first?.reason ?? '',
    message: first?.message ?? '',
  };
}

/** Conditions with their times: that of an unchanged status stays. */
export function withTimes(
  facts: readonly ConditionFacts[],
  old: readonly ClusterCondition[],
  now: string,
): ClusterCondition[] {
  return facts.map((fact) => {
    const known = old.find(({ type }) => type === fact.type);
    const unchanged = known !== undefined && known.status === fact.status;
    return { ...fact, lastTransitionTime: unchanged ? known.lastTransitionTime : now };
  });
}
