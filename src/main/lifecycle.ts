/** What kube-controller-manager does for the objects of one cluster, for the federation's own. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import type { ResourceType } from '../kube/resource.ts';
import { GarbageCollector } from '../lifecycle/garbage.ts';
import { NamespaceLifecycle } from '../lifecycle/namespaces.ts';
import { QuotaStatus, type QuotaUsages } from '../lifecycle/quota-status.ts';
import { ServiceAccounts } from '../lifecycle/service-accounts.ts';
import type { Store } from '../store/store.ts';

export interface LifecycleOptions {
  readonly store: Store;
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly types: () => readonly ResourceType[];
  /** Absent: no quota is counted. */
  readonly quotas?: QuotaUsages;
  /** PEM of the CA that is published in every namespace. */
  readonly authority?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Returns what ends it. */
export async function startLifecycle(options: LifecycleOptions): Promise<() => Promise<void>> {
  const namespaces = new NamespaceLifecycle(options);
  const accounts = new ServiceAccounts(options);
  const garbage = new GarbageCollector(options);
  namespaces.start();
  accounts.start();
  await garbage.start();
  const { quotas } = options;
  const status = quotas === undefined ? undefined : new QuotaStatus({ ...options, quotas });
  status?.start();
  return async () => {
    await Promise.all([garbage.stop(), namespaces.stop(), accounts.stop(), status?.stop()]);
  };
}
