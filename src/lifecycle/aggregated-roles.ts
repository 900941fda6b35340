/** Fills in the rules of ClusterRoles that are the sum of others. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Informer } from '../client/informer.ts';
import type { RestClient } from '../client/rest.ts';
import { deepEqual } from '../kube/json.ts';
import { type Json, type KubeObject, valueAt } from '../kube/object.ts';
import { pathOf } from '../kube/resource.ts';
import { type LabelSelector, labelSelectorFrom, matchLabels } from '../kube/selector.ts';
import { isApiError } from '../kube/status.ts';
import { Controller } from '../reconcile/controller.ts';

const manager = 'clusterrole-aggregation-controller';

export interface AggregatedRolesOptions {
  /** Of the federation itself. */
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Role {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: readonly Json[];
  /** Of the roles that it is the sum of; undefined: it stands for itself. */
  readonly selectors: readonly LabelSelector[] | undefined;
}

export class AggregatedRoles {
  readonly #options: AggregatedRolesOptions;
  readonly #roles: Informer<Role>;
  readonly #controller: Controller;
  /** Names of the roles that are sums. */
  readonly #sums = new Set<string>();

  constructor(options: AggregatedRolesOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    this.#controller = new Controller({
      name: 'aggregated roles',
      reconcile: (name, signal) => this.#reconcile(name, signal),
      clock,
      random,
      log,
    });
    this.#roles = new Informer<Role>({
      client,
      clock,
      random,
      log,
      target: rolesPath(),
      transform: roleOf,
    });
    this.#roles.onChange((name, old, now) => this.#changed(name, old, now));
  }

  /** Begins when all roles are known; does not wait for that. */
  start(): void {
    this.#roles.start();
    void this.#roles.whenSynced().then(() => this.#controller.start());
  }

  async stop(): Promise<void> {
    await this.#roles.stop();
    await this.#controller.stop();
  }

  #changed(name: string, old: Role | undefined, now: Role | undefined): void {
    if (now?.selectors === undefined) this.#sums.delete(name);
    else {
      this.#sums.add(name);
      this.#controller.add(name);
    }
    for (const sum of this.#sums) {
      const selectors = this.#roles.cache.get(sum)?.selectors ?? [];
      const concerned = [old, now].some(
        (role) => role !== undefined && selectors.some((each) => matchLabels(each, role.labels)),
      );
      if (concerned) this.#controller.add(sum);
    }
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<void> {
    const sum = this.#roles.cache.get(name);
    if (sum?.selectors === undefined) return;
    const roles = [...this.#roles.cache.values()];
    const rules = sumOf(sum, roles);
    if (deepEqual(rules, sum.rules)) return;
    const body = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules,
    };
    const patch = { type: 'application/apply-patch+yaml', body } as const;
    const how = { fieldManager: manager, force: true, signal };
    try {
      await this.#options.client.patch(rolesPath(name), patch, how);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

/** Rules of the selected roles, each once, in the order of selectors and names. */
export function sumOf(sum: Role, roles: readonly Role[]): Json[] {
  const sorted = [...roles].sort((a, b) => (a.name < b.name ? -1 : 1));
  const rules: Json[] = [];
  for (const selector of sum.selectors ?? [])
    for (const role of sorted) {
      if (role.name === sum.name || !matchLabels(selector, role.labels)) continue;
      for (const rule of role.rules)
        if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule);
    }
  return rules;
}

function rolesPath(name?: string): string {
  const parts = { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles' };
  return pathOf(name === undefined ? parts : { ...parts, name });
}

function roleOf(role: KubeObject): Role {
  const { name = '', labels = {} } = role.metadata;
  const selectors = valueAt(role, 'aggregationRule', 'clusterRoleSelectors');
  const rules = role['rules'];
  return {
    name,
    labels,
    rules: Array.isArray(rules) ? rules : [],
    selectors: Array.isArray(selectors) ? selectors.map(selectorOf) : undefined,
  };
}

/** What cannot be read selects nothing. */
function selectorOf(selector: unknown): LabelSelector {
  try {
    return labelSelectorFrom(selector);
  } catch {
    return [{ key: '', operator: 'In', values: [] }];
  }
}
