/**
 * Records the roles that every kube-apiserver brings and that mean something in a federation.
 *
 *   kubectl get clusterroles,clusterrolebindings -o json | node scripts/record/default-roles.ts >
 * src/apiserver/auth/default-roles.json
 */
import { readFileSync } from 'node:fs';

interface Recorded {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: object; annotations?: object };
  [field: string]: unknown;
}

const wanted: ReadonlySet<string> = new Set([
  'admin',
  'cluster-admin',
  'edit',
  'system:aggregate-to-admin',
  'system:aggregate-to-edit',
  'system:aggregate-to-view',
  'system:auth-delegator',
  'system:basic-user',
  'system:discovery',
  'system:monitoring',
  'system:public-info-viewer',
  'system:service-account-issuer-discovery',
  'view',
]);

const { items } = JSON.parse(readFileSync(0, 'utf8')) as { items: Recorded[] };
const kept = items
  .filter(({ metadata }) => wanted.has(metadata.name))
  .map(({ apiVersion, kind, metadata, ...rest }) => {
    const { name, labels } = metadata;
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };
    // Rules of an aggregating role are united anew here.
    if (rest.aggregationRule !== undefined) rest.rules = [];
    return { apiVersion, kind, metadata: { name, labels, annotations }, ...rest };
  });
process.stdout.write(`${JSON.stringify(kept, null, 1)}\n`);
