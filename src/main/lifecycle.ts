/** What kube-controller-manager does for the objects of one cluster, for the federation's own. */
import type { Authority } from '../apiserver/auth/certificates.ts';
import type { TokenSigner } from '../apiserver/registry/token-request.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import type { ResourceType } from '../kube/resource.ts';
import { AggregatedRoles } from '../lifecycle/aggregated-roles.ts';
import { ApiServices, type ApiServicesOptions } from '../lifecycle/api-services.ts';
import { CertificateSigner } from '../lifecycle/certificate-signer.ts';
import { Definitions } from '../lifecycle/definitions.ts';
import { FlowControl, type FlowControlOptions } from '../lifecycle/flow-control.ts';
import { GarbageCollector } from '../lifecycle/garbage.ts';
import { NamespaceLifecycle } from '../lifecycle/namespaces.ts';
import { QuotaStatus, type QuotaUsages } from '../lifecycle/quota-status.ts';
import { ServiceAccounts } from '../lifecycle/service-accounts.ts';
import { TokenSecrets } from '../lifecycle/token-secrets.ts';
import type { Store } from '../store/store.ts';

export interface LifecycleOptions
  extends Pick<ApiServicesOptions, 'groups' | 'onGroups'>,
    Pick<FlowControlOptions, 'onFlows'> {
  readonly store: Store;
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly types: () => readonly ResourceType[];
  /** Absent: no quota is counted. */
  readonly quotas?: QuotaUsages;
  /** PEM of the CA that is published in every namespace. */
  readonly authority?: string;
  /** Signs the tokens in Secrets; absent: there are none. */
  readonly serviceAccounts?: TokenSigner;
  /** Signs client certificates that were asked for; absent: nobody does. */
  readonly signer?: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Returns what ends it. */
export async function startLifecycle(options: LifecycleOptions): Promise<() => Promise<void>> {
  const namespaces = new NamespaceLifecycle(options);
  const accounts = new ServiceAccounts(options);
  const roles = new AggregatedRoles(options);
  const { serviceAccounts, signer } = options;
  const tokens = serviceAccounts && new TokenSecrets({ ...options, signer: serviceAccounts });
  const certificates = signer && new CertificateSigner({ ...options, authority: signer });
  const garbage = new GarbageCollector(options);
  const definitions = new Definitions(options);
  const apiServices = new ApiServices(options);
  const flows = new FlowControl(options);
  namespaces.start();
  definitions.start();
  apiServices.start();
  flows.start();
  accounts.start();
  roles.start();
  tokens?.start();
  certificates?.start();
  await garbage.start();
  const { quotas } = options;
  const status = quotas === undefined ? undefined : new QuotaStatus({ ...options, quotas });
  status?.start();
  return async () => {
    const all = [
      ...[apiServices, flows, definitions, garbage, roles, namespaces],
      ...[accounts, tokens, certificates, status],
    ];
    await Promise.all(all.map((each) => each?.stop()));
  };
}
