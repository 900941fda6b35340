/** Puts one federation together: store, API, members, propagation. The only list of what runs. */
import { clusterKind, clusterType } from '../api/cluster.ts';
import { clusterDistributionKind, distributionKind, ownGroup } from '../api/distribution.ts';
import { decisionKind, tombstoneKind } from '../api/records.ts';
import type { AdmissionChainOptions } from '../apiserver/admission/chain.ts';
import type { Admit } from '../apiserver/admission.ts';
import type { Aggregated } from '../apiserver/aggregated.ts';
import { type Api, createApi } from '../apiserver/api.ts';
import type { TokenVerifier } from '../apiserver/auth/authenticate.ts';
import type { Authority } from '../apiserver/auth/certificates.ts';
import { rbacAdmission } from '../apiserver/auth/escalation.ts';
import type { FrontProxyOptions } from '../apiserver/auth/front-proxy.ts';
import { IssuerDocuments } from '../apiserver/auth/issuer-documents.ts';
import type { ServiceAccountTokens } from '../apiserver/auth/service-account-tokens.ts';
import { signingRequestAdmission } from '../apiserver/auth/signing-requests.ts';
import type { Backend, User } from '../apiserver/backend.ts';
import type { Bodies } from '../apiserver/bodies.ts';
import type { CalledService } from '../apiserver/called-service.ts';
import type { Catalog } from '../apiserver/catalog.ts';
import { createHandler } from '../apiserver/handler.ts';
import { HealthChecks } from '../apiserver/health.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { MetricsEndpoint } from '../apiserver/metrics-endpoint.ts';
import type { Observer } from '../apiserver/trace.ts';
import type { ApiHandler } from '../apiserver/types.ts';
import type { NonResource } from '../apiserver/types-source.ts';
import type { BudgetOptions } from '../base/budget.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { OpenTransport } from '../members/connection.ts';
import { MembersController } from '../members/controller.ts';
import { aggregatedApis } from '../propagation/aggregated-apis.ts';
import { Propagation } from '../propagation/controller.ts';
import { rulesOf } from '../propagation/decide-unit.ts';
import { DistributionBackend } from '../propagation/distribution-backend.ts';
import { Preflight } from '../propagation/preflight.ts';
import { recordedTypes } from '../propagation/records.ts';
import { releaseCopies } from '../propagation/release.ts';
import { MemberServices } from '../propagation/service-transport.ts';
import type { TemplateTypes } from '../propagation/templates.ts';
import { Starts } from '../reconcile/starts.ts';
import { meteredStore } from '../store/metered.ts';
import type { Store } from '../store/store.ts';
import { Access, type FurtherAccess } from './access.ts';
import { refusingMemberNames } from './at-names.ts';
import { tombstonesOf } from './companions.ts';
import { startLifecycle } from './lifecycle.ts';
import { Losses } from './losses.ts';
import type { Telemetry } from './telemetry.ts';
import { templateTypes } from './template-types.ts';

export interface FederationOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly openTransport: OpenTransport;
  /** Bearer tokens that are users, besides service accounts. */
  readonly tokens: readonly TokenVerifier[];
  /** Signs and verifies service accounts' tokens; absent: there are none. */
  readonly serviceAccounts?: ServiceAccountTokens;
  /** Users and rights that other servers know; absent: none. */
  readonly further?: FurtherAccess;
  readonly frontProxy?: FrontProxyOptions;
  /** This server as others reach it, once it serves. */
  readonly url?: () => string;
  /** Signs client certificates; absent: nobody does. */
  readonly signer?: Authority;
  readonly audiences: readonly string[];
  /** PEM of the CA that the API is served with, published in every namespace. */
  readonly authority?: string;
  /** This replica, the same after a restart on the same data. */
  readonly instance: string;
  readonly term: number;
  /** For hashes of values that may not be shown. */
  readonly salt: string;
  readonly failoverAfterMs: number;
  readonly preflight: boolean;
  /** Absent: nothing is counted, and requests are not limited. */
  readonly telemetry?: Telemetry;
  /** What bodies may hold; absent: as much as comes. */
  readonly bodies?: Bodies;
  /** What may be kept of the objects of one member. */
  readonly room?: BudgetOptions;
  /** Told of requests beside the metrics. */
  readonly observers?: readonly Observer[];
  /** Webhooks, policies and quotas of the federation; absent: they are stored only. */
  readonly admission?: Pick<AdmissionChainOptions, 'openWebhook'>;
}

export interface Federation {
  readonly handler: ApiHandler;
  readonly health: HealthChecks;
  /** The federation's own API as itself, without limits of rights. */
  readonly client: RestClient;
  readonly members: MembersController;
  readonly propagation: Propagation;
  readonly access: Access;
  readonly catalog: Catalog;
  /** What recovery from a restored backup goes on from. */
  readonly starts: Starts;
  stop(): Promise<void>;
}

const itself: User = { name: 'system:ubernetes', groups: ['system:masters'], extra: {} };

/** Resolves when everything runs and requests can be served. */
export async function startFederation(given: FederationOptions): Promise<Federation> {
  const options = counted(given);
  const { store, telemetry } = options;
  const starts = await Starts.open(store, options.random);
  const parts: Parts = {};
  const schemaOf = (type: ResourceType) => parts.catalog?.schemaOf(type);
  const access = new Access({ ...options, ...accounts(options), schemaOf });
  const api = await serveApi(options, { access, parts });
  const client = new RestClient(inProcessTransport(api.handler, itself), {
    userAgent: 'ubernetes',
  });
  await access.start(client);
  const home = await client.get('/api/v1/namespaces/kube-system');
  const federation = home.object<KubeObject>().metadata.uid!;
  const types = templateTypes(api.catalog);
  const shared = { ...options, client, federation, types, starts };
  const members = membersOf(shared, api.catalog);
  parts.isMember = (name) => members.get(name) !== undefined;
  await members.start();
  const losses = new Losses(client);
  const propagation = new Propagation({
    ...shared,
    members,
    queues: telemetry?.queues,
    lostBefore: await losses.read(),
    remember: (cluster, lost) => losses.write(cluster, lost),
  });
  const { units } = propagation;
  parts.propagation = propagation;
  telemetry?.members.follow(members);
  telemetry?.follow(units);
  parts.services = new MemberServices({ units, members });
  parts.aggregated = aggregatedApis({ units, members });
  parts.distributions = new DistributionBackend({
    units,
    members,
    revision: () => BigInt(store.revision) << 20n,
  });
  if (options.preflight) {
    parts.preflight = new Preflight({ ...shared, units, members, fleet: () => propagation.fleet });
  }
  await propagation.start();
  const stopLifecycle = await startLifecycle({
    ...shared,
    types: () => api.catalog.list(),
    groups: () => api.catalog.groups,
    onGroups: (listener) => api.catalog.onChange(listener),
    ...(api.quotas === undefined ? {} : { quotas: api.quotas }),
    onFlows: (objects) => telemetry?.fairness.configure(objects),
  });
  return {
    handler: api.handler,
    health: api.health,
    client,
    members,
    propagation,
    access,
    catalog: api.catalog,
    starts,
    async stop() {
      await stopLifecycle();
      await propagation.stop();
      await members.stop();
      await access.stop();
      api.close();
    },
  };
}

/** The same store and members, counted. */
function counted(options: FederationOptions): FederationOptions {
  const { telemetry, store, clock, openTransport } = options;
  if (telemetry === undefined) return options;
  return {
    ...options,
    store: meteredStore(store, telemetry.metrics, clock),
    openTransport: telemetry.members.metered(openTransport),
  };
}

interface Served extends Api {
  readonly handler: ApiHandler;
  readonly health: HealthChecks;
}

/** The API with its kinds, admission and backends, ready to take requests. */
async function serveApi(
  options: FederationOptions,
  { access, parts }: { access: Access; parts: Parts },
): Promise<Served> {
  const { store, clock, random, log, telemetry } = options;
  const api = await createApi({
    store,
    clock,
    random,
    logger: log,
    kinds: [clusterKind, distributionKind, clusterDistributionKind, decisionKind, tombstoneKind],
    admit: [
      rbacAdmission(access.rbac),
      signingRequestAdmission(access.authorizer, clock),
      placementAdmission,
      preflightAdmission(parts),
    ],
    processes: () => true,
    ...(options.admission && {
      admission: {
        ...options.admission,
        authorizer: access.authorizer,
        metrics: telemetry?.metrics,
        openService: (service) => openService(parts, service),
      },
    }),
    companions: tombstonesOf({ clock, units: () => parts.propagation?.units }),
    ...(options.serviceAccounts === undefined ? {} : { tokenSigner: options.serviceAccounts }),
    backendFor: (type, registry) => backendFor(type, registry, { parts, access }),
  });
  parts.catalog = api.catalog;
  const { authenticate, authorizer } = access;
  const health = new HealthChecks();
  health.add('store', ['livez', 'readyz'], async () => void (await store.get('/health')));
  const handler = createHandler({
    types: api.typeSource,
    nonResources: [
      health,
      ...(telemetry === undefined ? [] : [new MetricsEndpoint(telemetry.metrics)]),
      ...issuerDocuments(options),
      ...api.nonResources,
    ],
    authenticate,
    authorizer,
    aggregated: (group, version) => parts.aggregated?.(group, version),
    clock,
    random,
    log,
    bodies: options.bodies,
    ...(telemetry === undefined ? {} : { fairness: telemetry.fairness }),
    observers: [
      ...(telemetry === undefined ? [] : [telemetry.requests]),
      ...(options.observers ?? []),
    ],
  });
  return { ...api, handler, health };
}

function membersOf(
  options: FederationOptions & {
    client: RestClient;
    federation: string;
    types: TemplateTypes;
    starts: Starts;
  },
  catalog: Catalog,
): MembersController {
  const { federation, types, store, starts } = options;
  return new MembersController({
    ...options,
    federation: {
      id: federation,
      instance: options.instance,
      term: options.term,
      process: starts.process,
      currentRevision: () => store.revision,
      reach: (process) => starts.reach(process),
    },
    onTypes: (name, found) => catalog.setMember(name, found),
    onGone: (name) => catalog.removeMember(name),
    releaseCopies: async (member, { deleteCopies }) => {
      const listed = types.someVersions(member.name, types.list());
      const recorded = await recordedTypes(options.client);
      const release = { client: member.client, cluster: member.name, types: listed, recorded };
      await releaseCopies({ ...release, federation, deleteCopies });
    },
  });
}

/** What comes to be while the API is already made; asked for at every use. */
interface Parts {
  catalog?: Catalog;
  propagation?: Propagation;
  distributions?: DistributionBackend;
  preflight?: Preflight;
  services?: MemberServices;
  aggregated?: Aggregated;
  isMember?: (name: string) => boolean;
  guarded?: Backend;
}

/** Keys of our tokens, for whoever is to trust them. */
function issuerDocuments({ serviceAccounts, url }: FederationOptions): NonResource[] {
  if (serviceAccounts === undefined || url === undefined) return [];
  return [new IssuerDocuments(serviceAccounts, url)];
}

function accounts({ tokens, serviceAccounts, ...options }: FederationOptions) {
  const further = options.further?.tokens ?? [];
  if (serviceAccounts === undefined) return { tokens: [...tokens, ...further] };
  const own: TokenVerifier = (token, audiences) => serviceAccounts.verify(token, audiences);
  return { tokens: [...tokens, own, ...further] };
}

function backendFor(
  type: ResourceType,
  registry: Backend,
  { parts, access }: { parts: Parts; access: Access },
): Backend {
  if (type.group === 'authentication.k8s.io' || type.group === 'authorization.k8s.io') {
    return access.reviews;
  }
  const computed = type.group === ownGroup && type.resource.endsWith('distributions');
  if (computed && parts.distributions !== undefined) return parts.distributions;
  if (type.group === clusterType.group) return registry;
  parts.guarded ??= refusingMemberNames(registry, (name) => parts.isMember?.(name) ?? false);
  return parts.guarded;
}

/** Annotations that place an object are understood, or refused with the field that is wrong. */
const placementAdmission: Admit = async (_context, { operation, object }) => {
  if (operation !== 'DELETE') rulesOf(object);
  return object;
};

/** Before propagation runs nobody knows where a Service is. */
function openService({ services }: Parts, service: CalledService): Transport {
  if (services === undefined) throw new TransportError('the federation is starting');
  return services.open(service);
}

function preflightAdmission(parts: Parts): Admit {
  return async (context, { operation, type, object, old, options }) => {
    if (operation === 'DELETE' || options.fieldManager === 'ubernetes') return object;
    await parts.preflight?.check({ type, object, old, warn: (text) => context.warn(text) });
    return object;
  };
}
