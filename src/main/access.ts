/**
 * Who may do what: credentials, roles kept up to date from the API itself, and the questions about
 * them.
 */
import type { Authenticate, TokenVerifier } from '../apiserver/auth/authenticate.ts';
import { authenticator, healthPaths } from '../apiserver/auth/authenticate.ts';
import { type Authorizer, authorizerChain } from '../apiserver/auth/authorizer.ts';
import type { FrontProxyOptions } from '../apiserver/auth/front-proxy.ts';
import { RbacIndex } from '../apiserver/auth/rbac.ts';
import { reviewKinds } from '../apiserver/auth/reviews.ts';
import { VirtualBackend } from '../apiserver/auth/virtual.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { pathOf, type ResourceType } from '../kube/resource.ts';
import type { TypeSchema } from '../kube/schema.ts';
import { rbacResources, reconcileDefaultRoles } from '../lifecycle/bootstrap-roles.ts';

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };

/** Users and rights that other servers know. */
export interface FurtherAccess {
  readonly tokens: readonly TokenVerifier[];
  readonly webhook: Authorizer | undefined;
  /** Open to everybody, besides the health paths. */
  readonly anonymousPaths?: readonly string[];
}

export interface AccessOptions {
  readonly tokens: readonly TokenVerifier[];
  readonly audiences: readonly string[];
  readonly further?: FurtherAccess;
  readonly frontProxy?: FrontProxyOptions;
  readonly clock: Clock;
  readonly random: Random;
  /** What bodies of reviews are read by. */
  readonly schemaOf: (type: ResourceType) => TypeSchema | undefined;
}

export class Access {
  readonly rbac = new RbacIndex();
  readonly authorizer: Authorizer;
  readonly authenticate: Authenticate;
  readonly reviews: VirtualBackend;
  readonly #options: AccessOptions;
  #informers: readonly Informer[] = [];

  constructor(options: AccessOptions) {
    this.#options = options;
    const { tokens, audiences, schemaOf } = options;
    const { frontProxy } = options;
    const anonymousPaths = new Set([...healthPaths, ...(options.further?.anonymousPaths ?? [])]);
    this.authenticate = authenticator({
      tokens,
      anonymousPaths,
      ...(frontProxy && { frontProxy }),
    });
    const { rbac } = this;
    const webhook = options.further?.webhook;
    const authorizer = authorizerChain([
      { name: 'rbac', authorizer: rbac },
      ...(webhook === undefined ? [] : [{ name: 'webhook', authorizer: webhook }]),
    ]);
    this.authorizer = authorizer;
    const kinds = reviewKinds({ authorizer, rules: rbac, tokens, audiences });
    this.reviews = new VirtualBackend(kinds, schemaOf);
  }

  /**
   * Sees to the default roles and follows all others; resolves when every right is
   * known.
   */
  async start(client: RestClient): Promise<void> {
    await reconcileDefaultRoles(client);
    const { clock, random } = this.#options;
    this.#informers = Object.entries(rbacResources).map(([kind, resource]) => {
      const target = pathOf({ ...rbac, resource });
      const informer = new Informer({ client, clock, random, target });
      informer.onChange((_, old, now) => {
        const { namespace = '', name = '' } = (now ?? old)!.metadata;
        if (now === undefined) this.rbac.remove(kind, namespace, name);
        else this.rbac.set(now);
      });
      informer.start();
      return informer;
    });
    await Promise.all(this.#informers.map((informer) => informer.whenSynced()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }
}
