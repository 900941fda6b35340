/** One member while it is joined: its connection and everything that watches it. */
import { type Cluster, clusterType } from '../api/cluster.ts';
import type { MemberTypes } from '../apiserver/catalog.ts';
import { Informer } from '../client/informer.ts';
import { pathWith } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import {
  Capacity,
  type CapacityFacts,
  type NodeSummary,
  type PodSummary,
  summarizeNode,
  summarizePod,
} from './capacity.ts';
import { CatalogReader, type OpenapiDocuments } from './catalog-reader.ts';
import { locationOf, type StatusFacts } from './cluster-status.ts';
import { type ConnectionOptions, MemberConnection } from './connection.ts';
import type { Credential } from './credentials.ts';
import { joinedUid } from './join.ts';
import type { Member } from './member-set.ts';

export interface JoinedMemberOptions extends Omit<ConnectionOptions, 'onChange'> {
  readonly documents: OpenapiDocuments;
  /** Something that others see has changed. */
  readonly onChange: () => void;
  /** Nodes or pods have changed. */
  readonly onCapacity: () => void;
  readonly onTypes: (types: MemberTypes) => Promise<void> | void;
}

const podSelector = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';

export class JoinedMember {
  readonly connection: MemberConnection;
  /** uid of the Cluster object that this is of. */
  readonly clusterObjectUid: string;
  readonly #options: JoinedMemberOptions;
  readonly #capacity = new Capacity();
  readonly #nodes: Informer<NodeSummary>;
  readonly #pods: Informer<PodSummary>;
  readonly #catalog: CatalogReader;
  #cluster: Cluster;
  #watching = false;
  #reachable = false;

  constructor(options: JoinedMemberOptions) {
    const { clock, random, log } = options;
    this.#options = options;
    this.#cluster = withRecordedUid(options.cluster);
    this.clusterObjectUid = options.cluster.metadata.uid ?? '';
    this.connection = new MemberConnection({
      ...options,
      cluster: this.#cluster,
      onChange: () => this.#onConnection(),
    });
    const { client, room } = this.connection;
    const shared = { client, clock, random, room };
    this.#nodes = new Informer({ ...shared, target: '/api/v1/nodes', transform: summarizeNode });
    this.#pods = new Informer({
      ...shared,
      target: '/api/v1/pods',
      fieldSelector: podSelector,
      transform: (pod: KubeObject) => summarizePod(pod),
    });
    this.#nodes.onChange((_key, old, now) => {
      this.#capacity.nodeChanged(old, now);
      options.onCapacity();
    });
    this.#pods.onChange((_key, old, now) => {
      this.#capacity.podChanged(old, now);
      options.onCapacity();
    });
    this.#catalog = new CatalogReader({
      ...shared,
      documents: options.documents,
      onTypes: options.onTypes,
      ...(log === undefined ? {} : { log }),
    });
  }

  start(): void {
    this.connection.start();
  }

  async stop(release = true): Promise<void> {
    await Promise.all([this.#nodes.stop(), this.#pods.stop(), this.#catalog.stop()]);
    await this.connection.stop(release);
  }

  /** Takes in a changed Cluster object or credential. */
  update(cluster: Cluster, credential: Credential | undefined): void {
    this.#cluster = withRecordedUid(cluster);
    this.connection.update(this.#cluster, credential);
  }

  get facts(): StatusFacts {
    return {
      conditions: this.connection.conditions,
      uid: this.connection.uid,
      version: this.connection.version,
      capacity: this.#capacityFacts(),
    };
  }

  /** How it looks to the rest of the federation now. */
  snapshot(): Member {
    const { connection } = this;
    const { metadata, spec, status } = this.#cluster;
    const location = locationOf(spec, this.#capacityFacts() ?? status ?? {});
    return {
      name: connection.name,
      uid: this.clusterObjectUid,
      clusterUid: connection.uid,
      port: connection,
      client: connection.client,
      health: connection.health,
      labels: metadata.labels ?? {},
      ...location,
      version: connection.version || (status?.version ?? ''),
      taints: spec.taints ?? [],
      unschedulable: spec.unschedulable ?? false,
      leaving: metadata.deletionTimestamp !== undefined,
      lastReadyAt: connection.lastReadyAt,
      unreachableSince: connection.unreachableSince,
    };
  }

  #capacityFacts(): CapacityFacts | undefined {
    return this.#nodes.synced && this.#pods.synced ? this.#capacity.facts() : undefined;
  }

  #onConnection(): void {
    const { ready, reachable } = this.connection.health;
    if (ready && !this.#watching) {
      this.#watching = true;
      this.#nodes.start();
      this.#pods.start();
      this.#catalog.start();
      void this.#nodes.whenSynced().then(() => this.#options.onChange());
      // A cluster without pods has no change to tell: that it was looked through is the news.
      void this.#pods.whenSynced().then(() => this.#options.onCapacity());
    } else if (reachable && !this.#reachable && this.#watching) {
      // What was missed is fetched at once, not when each backoff thinks so.
      this.#nodes.restart();
      this.#pods.restart();
      this.#catalog.restart();
    }
    this.#reachable = reachable;
    this.#options.onChange();
  }
}

/** The identity that join recorded counts until the status has one. */
function withRecordedUid(cluster: Cluster): Cluster {
  const recorded = cluster.metadata.annotations?.[joinedUid];
  if (cluster.status?.uid !== undefined || recorded === undefined) return cluster;
  return { ...cluster, status: { ...cluster.status, uid: recorded } };
}

/** Path of a Cluster's status. */
export function statusPath(name: string): string {
  return pathWith({ ...clusterType, name, subresource: 'status' }, undefined);
}
