/** What runs: the controllers that turn workloads into pods, the scheduler and the kubelets. */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Reconcile } from '../../reconcile/controller.ts';
import { reconcileDaemonSet } from './daemon-sets.ts';
import { reconcileDeployment } from './deployments.ts';
import type { Followed } from './followed.ts';
import { reconcileJob } from './jobs.ts';
import type { KindName } from './kinds.ts';
import { Kubelet } from './kubelet.ts';
import { reconcileReplicaSet } from './replica-sets.ts';
import { Scheduler } from './scheduler.ts';
import { reconcileStatefulSet } from './stateful-sets.ts';

export interface WorkloadParts {
  readonly clock: Clock;
  readonly random: Random;
  /** The collection as seen by one of the cluster's components. */
  follow(kind: KindName): Followed;
  /** Starts a controller loop; the answer asks it for a key. */
  control(name: string, reconcile: Reconcile): (key: string) => void;
}

/** Sets up what runs in a member. Another one is for simulations that need no pods. */
export type Workloads = (parts: WorkloadParts) => void;

export const podWorkloads: Workloads = (parts) => {
  const { clock, random, follow, control } = parts;
  const pods = follow('pods');
  const nodes = follow('nodes');
  const deployments = follow('deployments');
  const replicaSets = follow('replicaSets');
  const statefulSets = follow('statefulSets');
  const daemonSets = follow('daemonSets');
  const jobs = follow('jobs');

  const deployment = control('deployment', (key) =>
    reconcileDeployment({ deployments, replicaSets, pods, clock }, key),
  );
  const replicaSet = control('replicaset', (key) =>
    reconcileReplicaSet({ replicaSets, pods }, key),
  );
  const statefulSet = control('statefulset', (key) =>
    reconcileStatefulSet({ statefulSets, pods }, key),
  );
  const daemonSet = control('daemonset', (key) =>
    reconcileDaemonSet({ daemonSets, nodes, pods }, key),
  );
  const job = control('job', (key) => reconcileJob({ jobs, pods, clock }, key));

  deployments.onChange((key) => deployment(key));
  statefulSets.onChange((key) => statefulSet(key));
  daemonSets.onChange((key) => daemonSet(key));
  jobs.onChange((key) => job(key));
  nodes.onChange(() => {
    for (const { metadata } of daemonSets.all())
      daemonSet(`${metadata.namespace}/${metadata.name}`);
  });
  const byKind: Readonly<Record<string, (key: string) => void>> = {
    Deployment: deployment,
    ReplicaSet: replicaSet,
    StatefulSet: statefulSet,
    DaemonSet: daemonSet,
    Job: job,
  };
  const tellOwner = (object: KubeObject): void => {
    for (const { kind, name } of object.metadata.ownerReferences ?? []) {
      byKind[kind]?.(`${object.metadata.namespace}/${name}`);
    }
  };
  replicaSets.onChange((key, old, now) => {
    replicaSet(key);
    tellOwner((now ?? old)!);
  });

  const scheduler = new Scheduler({ nodes, pods, clock }, (key) => bind(key));
  const bind = control('scheduler', (key) => scheduler.reconcile(key));
  const kubelet = new Kubelet({ pods, clock, random });
  const run = control('kubelet', (key) => kubelet.reconcile(key));
  pods.onChange((key, old, now) => {
    tellOwner((now ?? old)!);
    bind(key);
    run(key);
  });
};
