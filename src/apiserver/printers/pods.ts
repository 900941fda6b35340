/** The Table cells of pods: kubectl's STATUS column is worked out here, container by container. */
import { type Json, type KubeObject, valueAt } from '../../kube/object.ts';
import {
  age,
  type Cell,
  has,
  integer,
  isConditionTrue,
  list,
  nameOf,
  none,
  since,
  text,
} from './format.ts';

export interface RowCondition {
  readonly type: 'Completed';
  readonly status: 'True';
  readonly reason: string;
  readonly message: string;
}

/** What a Table says of pods that have ended. */
export function podConditions(pod: KubeObject): readonly RowCondition[] | undefined {
  switch (text(pod, 'status', 'phase')) {
    case 'Succeeded':
      return [
        {
          type: 'Completed',
          status: 'True',
          reason: 'Succeeded',
          message: 'The pod has completed successfully.',
        },
      ];
    case 'Failed':
      return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
    default:
      return undefined;
  }
}

interface Tally {
  reason: string;
  ready: number;
  restarts: number;
  /** RFC 3339; '' when nothing was restarted. */
  lastRestart: string;
}

export function printPod(pod: KubeObject, now: number): Cell[] {
  const inits = list(pod, 'spec', 'initContainers');
  const restartable = new Set(
    inits
      .filter((each) => text(each, 'restartPolicy') === 'Always')
      .map((each) => text(each, 'name')),
  );
  const phase = text(pod, 'status', 'phase');
  const statusReason = text(pod, 'status', 'reason');
  const conditions = list(pod, 'status', 'conditions');
  let reason = statusReason || phase;
  for (const each of conditions)
    if (text(each, 'type') === 'PodScheduled' && text(each, 'reason') === 'SchedulingGated')
      reason = 'SchedulingGated';
  const tally: Tally = { reason, ready: 0, restarts: 0, lastRestart: '' };
  const sidecars: Tally = { reason: '', ready: 0, restarts: 0, lastRestart: '' };
  const initializing = tallyInits(pod, { tally, sidecars, restartable, inits });
  if (!initializing || isConditionTrue(conditions, 'Initialized')) {
    tally.restarts = sidecars.restarts;
    tally.lastRestart = sidecars.lastRestart;
    tallyContainers(pod, tally);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (statusReason === 'NodeLost') tally.reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') tally.reason = 'Terminating';
  }
  const total = list(pod, 'spec', 'containers').length + restartable.size;
  const restarts =
    tally.restarts !== 0 && tally.lastRestart !== ''
      ? `${tally.restarts} (${since(tally.lastRestart, now)} ago)`
      : String(tally.restarts);
  return [
    nameOf(pod),
    `${tally.ready}/${total}`,
    tally.reason,
    restarts,
    age(pod, now),
    text(list(pod, 'status', 'podIPs')[0], 'ip') || none,
    text(pod, 'spec', 'nodeName') || none,
    text(pod, 'status', 'nominatedNodeName') || none,
    readinessGates(pod, conditions),
  ];
}

interface Inits {
  readonly tally: Tally;
  readonly sidecars: Tally;
  readonly restartable: ReadonlySet<string>;
  readonly inits: readonly Json[];
}

/** Whether an init container is not done yet: the first such one gives the reason. */
function tallyInits(pod: KubeObject, { tally, sidecars, restartable, inits }: Inits): boolean {
  for (const [at, container] of list(pod, 'status', 'initContainerStatuses').entries()) {
    const sidecar = restartable.has(text(container, 'name'));
    countRestarts(container, tally);
    if (sidecar) countRestarts(container, sidecars);
    const terminated = valueAt(container, 'state', 'terminated') ?? undefined;
    if (terminated !== undefined && Number(integer(terminated, ['exitCode'])) === 0) continue;
    if (sidecar && valueAt(container, 'started') === true) {
      if (valueAt(container, 'ready') === true) tally.ready++;
      continue;
    }
    const waiting = text(container, 'state', 'waiting', 'reason');
    if (terminated !== undefined) tally.reason = `Init:${terminationReason(terminated)}`;
    else if (waiting !== '' && waiting !== 'PodInitializing') tally.reason = `Init:${waiting}`;
    else tally.reason = `Init:${at}/${inits.length}`;
    return true;
  }
  return false;
}

function tallyContainers(pod: KubeObject, tally: Tally): void {
  let running = false;
  let failure = '';
  for (const container of list(pod, 'status', 'containerStatuses').reverse()) {
    countRestarts(container, tally);
    const waiting = text(container, 'state', 'waiting', 'reason');
    const terminated = valueAt(container, 'state', 'terminated') ?? undefined;
    if (waiting !== '') tally.reason = waiting;
    else if (terminated !== undefined) {
      tally.reason = terminationReason(terminated);
      if (Number(integer(terminated, ['exitCode'])) !== 0) failure = tally.reason;
    } else if (valueAt(container, 'ready') === true && has(container, 'state', 'running')) {
      running = true;
      tally.ready++;
    }
  }
  if (tally.reason !== 'Completed') return;
  if (running && isConditionTrue(list(pod, 'status', 'conditions'), 'Ready'))
    tally.reason = 'Running';
  else if (failure !== '') tally.reason = failure;
  else if (running) tally.reason = 'NotReady';
}

function terminationReason(terminated: Json): string {
  const reason = text(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = integer(terminated, ['signal']);
  return Number(signal) === 0
    ? `ExitCode:${integer(terminated, ['exitCode'])}`
    : `Signal:${signal}`;
}

function countRestarts(container: Json, tally: Tally): void {
  tally.restarts += Number(integer(container, ['restartCount']));
  const finished = text(container, 'lastState', 'terminated', 'finishedAt');
  if (finished !== '' && !(Date.parse(finished) <= Date.parse(tally.lastRestart)))
    tally.lastRestart = finished;
}

function readinessGates(pod: KubeObject, conditions: readonly Json[]): string {
  const gates = list(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return none;
  const open = gates.filter((gate) => isConditionTrue(conditions, text(gate, 'conditionType')));
  return `${open.length}/${gates.length}`;
}
