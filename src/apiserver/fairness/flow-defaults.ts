/** What kube-apiserver fills into FlowSchemas and PriorityLevelConfigurations. */
import { type JsonObject, type KubeObject, objectAt } from '../../kube/object.ts';

const precedence = 1000;
const shares = 30;
const queues = { queues: 64, handSize: 8, queueLengthLimit: 50 };

export function withPrecedence(schema: KubeObject): KubeObject {
  const spec = objectAt(schema, 'spec');
  return spec === undefined || spec['matchingPrecedence']
    ? schema
    : { ...schema, spec: { ...spec, matchingPrecedence: precedence } };
}

export function withLevelDefaults(level: KubeObject): KubeObject {
  const spec = objectAt(level, 'spec') ?? {};
  const field = spec['type'] === 'Exempt' ? 'exempt' : 'limited';
  const sent = objectAt(spec, field) ?? {};
  if (spec['type'] !== 'Exempt' && spec['limited'] === undefined) return level;
  const nominalConcurrencyShares = field === 'exempt' ? 0 : shares;
  const part: JsonObject = { nominalConcurrencyShares, lendablePercent: 0, ...sent };
  const response = objectAt(part, 'limitResponse');
  const queuing = objectAt(response, 'queuing');
  if (response !== undefined && queuing !== undefined)
    part['limitResponse'] = { ...response, queuing: { ...queues, ...nonZero(queuing) } };
  return { ...level, spec: { ...spec, [field]: part } };
}

function nonZero(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== 0));
}
