/**
 * Puts catalog, registry and the documents about them together: what main and the sandbox both
 * serve.
 */
import type { Kind } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ResourceType } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';
import type { Store } from '../store/store.ts';
import { AdmissionChain, type AdmissionChainOptions } from './admission/chain.ts';
import type { QuotaLedger } from './admission/quota-ledger.ts';
import { type Admit, admitAll, type Companions } from './admission.ts';
import type { Backend, RequestContext } from './backend.ts';
import { readBaseTypes } from './catalog/recorded.ts';
import { Catalog } from './catalog.ts';
import { conversionOf, inBatches } from './conversions.ts';
import { ConvertingBackend } from './converting.ts';
import { ConversionCalls } from './custom/conversion-calls.ts';
import { ServedDefinitions } from './custom/served-definitions.ts';
import { Discovery } from './discovery.ts';
import { OpenApi } from './openapi.ts';
import type { TokenSigner } from './registry/token-request.ts';
import { Registry } from './registry.ts';
import type { NonResource, TypeSource } from './types-source.ts';
import { Version } from './version.ts';

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of our own; hidden ones are served but in no document. */
  readonly kinds: readonly Kind[];
  /** After schema, kind.validate and `admission`, in this order. */
  readonly admit?: readonly Admit[];
  /** Webhooks, policies and quotas; absent: what is configured of them is stored only. */
  readonly admission?: AdmissionChainOptions;
  readonly companions?: Companions;
  /** Absent: serviceaccounts/token is refused. */
  readonly tokenSigner?: TokenSigner;
  /** Who serves a type; absent: the registry serves all. Asked on every request. */
  readonly backendFor?: (type: ResourceType, registry: Backend) => Backend;
  /** Whether someone takes this finalizer away from objects of the type; absent: nobody does. */
  readonly processes?: (type: ResourceType, finalizer: 'foregroundDeletion' | 'orphan') => boolean;
  /** gitVersion of /version; absent: that of the recorded Kubernetes with `+ubernetes`. */
  readonly gitVersion?: string;
}

export interface Api {
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly typeSource: TypeSource;
  /** What is used of ResourceQuotas; absent without `admission`. */
  readonly quotas?: QuotaLedger;
  /** /api, /apis, /openapi and /version, in the order to be asked. */
  readonly nonResources: readonly NonResource[];
  /** Ends timers and watches; the store stays open. */
  close(): void;
}

export const systemNamespaces = [
  'default',
  'kube-node-lease',
  'kube-public',
  'kube-system',
] as const;

/** Loads the persisted catalog and creates the system namespaces that are missing. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { backendFor, gitVersion } = options;
  const catalog = await Catalog.open(options);
  let chain: AdmissionChain | undefined;
  const { admission } = options;
  const registry = new Registry({
    ...options,
    types: catalog,
    admit: admitAll(options.admit ?? []),
    admission:
      admission === undefined
        ? undefined
        : (collections) => {
            chain = new AdmissionChain({ ...options, ...admission, types: catalog, collections });
            return chain;
          },
    companions: options.companions ?? (() => []),
  });
  await chain?.load();
  const definitions = new ServedDefinitions({
    ...options,
    catalog,
    collections: registry.collections,
  });
  await definitions.start();
  await createNamespaces(catalog, registry);
  const conversions =
    admission === undefined
      ? undefined
      : new ConversionCalls({
          ...options,
          open: admission.openWebhook,
          openService: admission.openService,
        });
  const typeSource: TypeSource = {
    lookup: (group, version, resource) => catalog.lookup(group, version, resource),
    backendFor: converting(
      catalog,
      (type) => backendFor?.(type, registry) ?? registry,
      conversions,
    ),
    columnsFor: (type) => catalog.columnsOf(type),
  };
  return {
    catalog,
    registry,
    typeSource,
    ...(chain === undefined ? {} : { quotas: chain.quotas }),
    nonResources: [
      new Discovery(catalog),
      new OpenApi(catalog, options.clock),
      new Version(gitVersion ?? `${readBaseTypes().version}+ubernetes.0.1.0`),
    ],
    close() {
      definitions.stop();
      void conversions?.close();
      registry.close();
      chain?.close();
    },
  };
}

/** Who serves a type, behind a conversion when its objects are stored in another structure. */
function converting(
  catalog: Catalog,
  direct: (type: ResourceType) => Backend,
  calls: ConversionCalls | undefined,
): (type: ResourceType) => Backend {
  const known = new WeakMap<ResourceType, Backend | 'direct'>();
  const backendOf = (type: ResourceType): Backend | 'direct' => {
    const { storedAs } = catalog.factsOf(type);
    const stored = storedAs.slice(storedAs.indexOf('/') + 1);
    const storedType = catalog.lookup(type.group, stored, type.resource);
    const plain = conversionOf(type, stored);
    const conversion =
      plain === undefined ? catalog.customConversion(type, stored, calls) : inBatches(plain);
    if (conversion === undefined || storedType === undefined) return 'direct';
    const backend = (): Backend => direct(storedType);
    return new ConvertingBackend({ conversion, storedType, backend, types: catalog });
  };
  return (type) => {
    let backend = known.get(type);
    if (backend === undefined) {
      backend = backendOf(type);
      known.set(type, backend);
    }
    return backend === 'direct' ? direct(type) : backend;
  };
}

async function createNamespaces(catalog: Catalog, registry: Registry): Promise<void> {
  const type = catalog.lookup('', 'v1', 'namespaces')!;
  const context: RequestContext = {
    user: { name: 'system:apiserver', groups: ['system:masters'], extra: {} },
    auditId: '',
    signal: new AbortController().signal,
    warn: () => {},
  };
  for (const name of systemNamespaces) {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    try {
      await registry.create(
        context,
        { type, namespace: '', name: '' },
        { object, problems: [] },
        { dryRun: false, fieldManager: 'ubernetes', fieldValidation: 'Ignore', force: false },
      );
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}
