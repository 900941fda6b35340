/**
 * Which priority level a request belongs to, and whose flow within it: kube-apiserver's suggested
 * flow schemas as fixed rules.
 */
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';

export type LevelName =
  | 'exempt'
  | 'leader-election'
  | 'system'
  | 'workload-high'
  | 'workload-low'
  | 'global-default'
  | 'catch-all';

export interface Flow {
  readonly level: LevelName;
  /** Name of the rule that matched. */
  readonly schema: string;
  /** Whoever shares it shares a queue. */
  readonly distinguisher: string;
}

const probes: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);
const electing: ReadonlySet<string> = new Set(['get', 'create', 'update']);
const accounts = 'system:serviceaccounts';

/** First match wins, in the order of kube-apiserver's precedences. */
export function classify(user: User, { verb, path, target }: RequestInfo): Flow {
  const { name, groups } = user;
  const flow = (level: LevelName, schema: string, distinguisher = ''): Flow => ({
    level,
    schema,
    distinguisher,
  });
  if (groups.includes('system:masters')) return flow('exempt', 'exempt');
  if (target === undefined && verb === 'get' && probes.has(path)) return flow('exempt', 'probes');
  const isAccount = groups.includes(accounts);
  if (isAccount && target?.resource === 'leases' && electing.has(verb))
    return flow('leader-election', 'workload-leader-election', name);
  if (groups.includes('system:nodes')) return flow('system', 'system-nodes', name);
  if (groups.includes(`${accounts}:kube-system`) || groups.includes(`${accounts}:ubernetes-system`))
    return flow('workload-high', 'kube-system-service-accounts', name);
  if (isAccount) return flow('workload-low', 'service-accounts', name);
  if (groups.includes('system:authenticated'))
    return flow('global-default', 'global-default', name);
  return flow('catch-all', 'catch-all', name);
}
