/**
 * Who may do what: credentials, roles kept up to date from the API itself, and the questions about
 * them.
 */
import type { Authenticate, TokenVerifier } from '../apiserver/auth/authenticate.ts';
import { authenticator } from '../apiserver/auth/authenticate.ts';
import { defaultRoles } from '../apiserver/auth/default-roles.ts';
import { RbacIndex } from '../apiserver/auth/rbac.ts';
import { reviewKinds } from '../apiserver/auth/reviews.ts';
import { VirtualBackend } from '../apiserver/auth/virtual.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import type { KubeObject } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { isApiError } from '../kube/status.ts';

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const resources: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

export interface AccessOptions {
  readonly tokens: readonly TokenVerifier[];
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

export class Access {
  readonly authorizer = new RbacIndex();
  readonly authenticate: Authenticate;
  readonly reviews: VirtualBackend;
  readonly #options: AccessOptions;
  #informers: readonly Informer[] = [];

  constructor(options: AccessOptions) {
    this.#options = options;
    const { tokens, audiences } = options;
    this.authenticate = authenticator({ tokens });
    const { authorizer } = this;
    this.reviews = new VirtualBackend(
      reviewKinds({ authorizer, rules: authorizer, tokens, audiences }),
    );
  }

  /**
   * Makes the default roles that are missing and follows all others; resolves when every right is
   * known.
   */
  async start(client: RestClient): Promise<void> {
    await createMissingRoles(client);
    const { clock, random } = this.#options;
    this.#informers = Object.entries(resources).map(([kind, resource]) => {
      const target = pathOf({ ...rbac, resource });
      const informer = new Informer({ client, clock, random, target });
      informer.onChange((_, old, now) => {
        const { namespace = '', name = '' } = (now ?? old)!.metadata;
        if (now === undefined) this.authorizer.remove(kind, namespace, name);
        else this.authorizer.set(now);
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

async function createMissingRoles(client: RestClient): Promise<void> {
  const present = new Set<string>();
  for (const [kind, resource] of Object.entries(resources)) {
    const { items } = await client.list(pathOf({ ...rbac, resource }));
    for (const { metadata } of items) present.add(keyOf(kind, metadata));
  }
  const missing = defaultRoles().filter((role) => !present.has(keyOf(role.kind, role.metadata)));
  await Promise.all(missing.map((role) => createRole(client, role)));
}

function keyOf(kind: string, { namespace, name }: KubeObject['metadata']): string {
  return `${kind} ${namespace ?? ''}/${name}`;
}

async function createRole(client: RestClient, role: KubeObject): Promise<void> {
  const { namespace } = role.metadata;
  const resource = resources[role.kind]!;
  const target = pathOf({ ...rbac, resource, ...(namespace === undefined ? {} : { namespace }) });
  try {
    await client.create(target, role);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}
