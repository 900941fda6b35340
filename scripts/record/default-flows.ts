/**
 * Records the FlowSchemas and PriorityLevelConfigurations that every kube-apiserver keeps.
 *
 *   kubectl get flowschemas,prioritylevelconfigurations -o json |
 *     node scripts/record/default-flows.ts > src/apiserver/fairness/default-flows.json
 */
import { readFileSync } from 'node:fs';

interface Recorded {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: object };
  spec: object;
}

const { items } = JSON.parse(readFileSync(0, 'utf8')) as { items: Recorded[] };
const kept = items.map(({ apiVersion, kind, metadata: { name, annotations }, spec }) =>
  JSON.stringify({ apiVersion, kind, metadata: { name, annotations }, spec }),
);
process.stdout.write(`[\n${kept.join(',\n')}\n]\n`);
