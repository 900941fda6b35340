/** Jobs: pods until enough of them have succeeded. */
import type { Clock } from '../../base/clock.ts';
import { objectAt, valueAt } from '../../kube/object.ts';
import { timestamp } from '../../kube/time.ts';
import type { Followed } from './followed.ts';
import { kinds } from './kinds.ts';
import { byRemoval, counts, isActive, isReady, podFor } from './pods.ts';
import { conditionsFor, writeStatus } from './status.ts';

export interface JobParts {
  readonly jobs: Followed;
  readonly pods: Followed;
  readonly clock: Clock;
}

export async function reconcileJob(parts: JobParts, key: string): Promise<void> {
  const { jobs, pods, clock } = parts;
  const job = jobs.get(key);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) return;
  if (valueAt(job, 'status', 'completionTime') !== undefined) return;
  const parallelism = Number(valueAt(job, 'spec', 'parallelism') ?? 1);
  const completions = Number(valueAt(job, 'spec', 'completions') ?? parallelism);
  const own = pods.of(job.metadata.uid!);
  const succeeded = own.filter((pod) => valueAt(pod, 'status', 'phase') === 'Succeeded').length;
  const suspended = valueAt(job, 'spec', 'suspend') === true;
  const wanted = suspended ? 0 : Math.max(0, Math.min(parallelism, completions - succeeded));
  const active = own.filter(isActive);
  const template = objectAt(job, 'spec', 'template');
  const labels = {
    'batch.kubernetes.io/controller-uid': job.metadata.uid!,
    'batch.kubernetes.io/job-name': job.metadata.name!,
    'controller-uid': job.metadata.uid!,
    'job-name': job.metadata.name!,
  };
  for (let n = active.length; n < wanted; n++) {
    await pods.create(podFor({ owner: job, collection: kinds.jobs, template, labels }));
  }
  const excess = active.toSorted(byRemoval).slice(0, Math.max(0, active.length - wanted));
  for (const pod of excess) await pods.remove(pod);
  const complete = succeeded >= completions;
  const standing = pods.of(job.metadata.uid!).filter(isActive);
  await writeStatus(jobs, job, {
    startTime: valueAt(job, 'status', 'startTime') ?? (suspended ? null : timestamp(clock)),
    ...counts({ active: standing.length, succeeded }),
    ready: standing.filter(isReady).length,
    ...(complete && {
      completionTime: timestamp(clock),
      conditions: conditionsFor(job, completed, clock),
    }),
  });
}

const completed = (['SuccessCriteriaMet', 'Complete'] as const).map((type) => ({
  type,
  status: 'True' as const,
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
}));
