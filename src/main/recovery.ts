/**
 * After a restored backup: when the user accepts what is lost, revisions go on beyond all that
 * members have seen, and their leases let us write again.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { leaseName } from '../members/connection.ts';
import type { MemberSet } from '../members/member-set.ts';
import { recordOf } from '../reconcile/lease.ts';
import type { LeaseRecord } from '../reconcile/lease-decision.ts';
import type { Starts } from '../reconcile/starts.ts';
import type { RecoverableStore } from '../store/store.ts';

const target = '/api/v1/namespaces/ubernetes-system/configmaps';
const name = 'recovery';
/** Revisions that may have been handed out after a lease was last renewed. */
const margin = 1_000_000;

export interface RecoveryOptions {
  readonly store: RecoverableStore;
  readonly starts: Starts;
  readonly members: MemberSet;
  /** The federation's own API. */
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Hears `ubernetes recover --accept-rollback`: a ConfigMap that says `accept: "true"`. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #informer: Informer;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    const { client, clock, random } = options;
    const fieldSelector = `metadata.name=${name}`;
    this.#informer = new Informer({ client, clock, random, target, fieldSelector });
    this.#informer.onChange((_, _old, now: KubeObject | undefined) => {
      if (valueAt(now, 'data', 'accept') === 'true') void this.#goOn();
    });
  }

  start(): void {
    this.#informer.start();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  async #goOn(): Promise<void> {
    const { store, starts, members, client, log } = this.#options;
    const leases = await Promise.all(members.list().map(({ client: member }) => leaseIn(member)));
    const seen = leases.flatMap((lease) => lease ?? []);
    const ahead = seen.some(({ process, revision }) => revision > starts.reach(process));
    // What a member that cannot be asked has seen is lost as well: the user has said so.
    if (ahead || seen.length < leases.length) {
      await store.advance(Math.max(store.revision, ...seen.map((it) => it.revision)) + margin);
      await starts.accept();
    }
    log.info('goes on after a restored backup', { revision: store.revision });
    const data = { accept: 'done', revision: String(store.revision) };
    await client.patch(`${target}/${name}`, {
      type: 'application/merge-patch+json',
      body: { data },
    });
  }
}

/** What a member's writer Lease says; undefined when it cannot be asked. */
async function leaseIn(member: RestClient): Promise<LeaseRecord | undefined> {
  const group = 'coordination.k8s.io';
  const lease = { group, version: 'v1', resource: 'leases', namespace: 'ubernetes-system' };
  try {
    const answer = await member.get(pathOf({ ...lease, name: leaseName }));
    return recordOf(answer.object());
  } catch {
    // The margin is for what it has seen; beyond that nothing is written there until the user
    // says so again.
    return undefined;
  }
}
