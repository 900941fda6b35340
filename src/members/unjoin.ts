/** Lets a cluster go: what the user asks for, and what the server then does in the member. */
import { type Cluster, clusterType } from '../api/cluster.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import type { RestClient } from '../client/rest.ts';
import { ApiError } from '../kube/status.ts';

/** On a Cluster that is being deleted. */
export const unjoinAnnotations = {
  /** 'true': the copies go too. Otherwise they stay and run, unmarked. */
  deleteCopies: 'ubernetes.dev/delete-copies',
  /** 'true': do not wait for a member that does not answer. */
  force: 'ubernetes.dev/force-unjoin',
  /** 'true', written by the server: no copy is left, only our own things are. */
  released: 'ubernetes.dev/released',
} as const;

export interface UnjoinOptions {
  readonly federation: RestClient;
  readonly name: string;
  readonly clock: Clock;
  readonly deleteCopies?: boolean;
  readonly force?: boolean;
  readonly timeoutMs?: number;
  readonly onStep?: (text: string) => void;
}

/** Asks the federation to let a cluster go and waits until it has. @throws UserError */
export async function unjoinMember(options: UnjoinOptions): Promise<void> {
  const { federation, name, clock, force = false, deleteCopies = false } = options;
  const target = { ...clusterType, name };
  const cluster = (await ask(() => federation.find(target)))?.object<Cluster>();
  if (cluster === undefined) {
    throw new UserError(`there is no cluster "${name}"`, 'see: kubectl get clusters');
  }
  const reachable = cluster.status?.conditions?.find(({ type }) => type === 'Reachable');
  if (!force && reachable?.status === 'False') throw outOfReach(name, reachable.message);
  const annotations = {
    [unjoinAnnotations.deleteCopies]: deleteCopies ? 'true' : null,
    [unjoinAnnotations.force]: force ? 'true' : null,
  };
  await ask(async () => {
    const body = { metadata: { annotations } };
    await federation.patch(target, { type: 'application/merge-patch+json', body });
    await federation.remove(target);
  });
  options.onStep?.(
    deleteCopies ? 'removing copies and rights' : 'releasing copies and removing rights',
  );
  const deadline = clock.monotonic() + (options.timeoutMs ?? 120_000);
  while ((await ask(() => federation.find(target))) !== undefined) {
    if (clock.monotonic() >= deadline) throw outOfReach(name, 'it takes too long');
    await sleep(clock, 200);
  }
}

function outOfReach(name: string, why: string): UserError {
  return new UserError(
    `the cluster "${name}" cannot be cleaned up: ${why}`,
    'bring it back, or let it go as it is: ubernetes unjoin --force',
  );
}

async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const forbidden = error instanceof ApiError && error.code === 403;
    throw new UserError(
      `the federation refused: ${messageOf(error)}`,
      forbidden ? 'ask for the right to delete clusters' : 'check that the server runs',
      { cause: error },
    );
  }
}
