/**
 * Records the priorities that kube-apiserver gives its own groups.
 *
 *   kubectl get apiservices -o json | node scripts/record/api-services.ts >
 * src/lifecycle/data/api-service-priorities.json
 */
import { readFileSync } from 'node:fs';

interface ApiService {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly groupPriorityMinimum: number; readonly versionPriority: number };
}

const { items } = JSON.parse(readFileSync(0, 'utf8')) as { items: ApiService[] };
const lines = items.map(
  ({ metadata, spec }) =>
    ` ${JSON.stringify(metadata.name)}: [${spec.groupPriorityMinimum}, ${spec.versionPriority}]`,
);
process.stdout.write(`{\n${lines.join(',\n')}\n}\n`);
