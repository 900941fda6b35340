/** Puts catalog, registry and the documents about them together: what main and the sandbox both serve. */
import type { Kind } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { Store } from '../store/store.ts';
import type { Admit, Companions } from './admission.ts';
import type { Backend } from './backend.ts';
import type { Catalog } from './catalog.ts';
import type { Registry } from './registry.ts';
import type { TokenSigner } from './registry/token-request.ts';
import type { NonResource, TypeSource } from './types-source.ts';

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of our own; hidden ones are served but in no document. */
  readonly kinds: readonly Kind[];
  /** After schema and kind.validate, in this order. */
  readonly admit?: readonly Admit[];
  readonly companions?: Companions;
  /** Absent: serviceaccounts/token answers 404. */
  readonly tokenSigner?: TokenSigner;
  /** Who serves a type; absent: the registry serves all. Asked on every request. */
  readonly backendFor?: (type: ResourceType, registry: Backend) => Backend;
  /** gitVersion of /version; absent: that of the recorded Kubernetes with `+ubernetes`. */
  readonly gitVersion?: string;
}

export interface Api {
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly typeSource: TypeSource;
  /** /api, /apis, /openapi and /version, in the order to be asked. */
  readonly nonResources: readonly NonResource[];
  /** Ends timers and watches; the store stays open. */
  close(): void;
}

/** Loads the persisted catalog and creates the system namespaces that are missing. */
export declare function createApi(options: ApiOptions): Promise<Api>;
