/** What is done with a CustomResourceDefinition itself when it is written or deleted. */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { formatTime } from '../../kube/time.ts';
import { conditionOf, listAt } from './custom-kind.ts';

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Defaults, and the status that follows from the spec: which versions may be stored. */
export function prepareDefinition(
  sent: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): KubeObject {
  if (subresource !== '') return sent;
  const spec = objectAt(sent, 'spec') ?? {};
  const defaulted = { ...sent, spec: withDefaults(spec) };
  const before = objectAt(old, 'status') ?? newStatus;
  const storage = listAt(spec, 'versions').find((version) => valueAt(version, 'storage') === true);
  const name = valueAt(storage, 'name');
  const stored = listAt(before, 'storedVersions');
  if (typeof name !== 'string' || stored.includes(name)) return { ...defaulted, status: before };
  return { ...defaulted, status: { ...before, storedVersions: [...stored, name] } };
}

const newStatus: JsonObject = { acceptedNames: { kind: '', plural: '' }, conditions: null };

function withDefaults(spec: JsonObject): JsonObject {
  const names = objectAt(spec, 'names') ?? {};
  const kind = typeof names.kind === 'string' ? names.kind : '';
  const filled: JsonObject = {
    ...names,
    ...(names.singular ? {} : { singular: kind.toLowerCase() }),
    ...(names.listKind || kind === '' ? {} : { listKind: `${kind}List` }),
  };
  const conversion = objectAt(spec, 'conversion') ?? { strategy: 'None' };
  return { ...spec, names: filled, conversion: withPort(conversion) };
}

function withPort(conversion: JsonObject): JsonObject {
  const service = objectAt(conversion, 'webhook', 'clientConfig', 'service');
  if (service === undefined || service.port !== undefined) return conversion;
  const webhook = objectAt(conversion, 'webhook')!;
  const clientConfig = objectAt(webhook, 'clientConfig')!;
  return {
    ...conversion,
    webhook: { ...webhook, clientConfig: { ...clientConfig, service: { ...service, port: 443 } } },
  };
}

/** A definition that is to go: its objects go first. */
export function markedDefinition(definition: KubeObject, now: number): KubeObject {
  const { metadata } = definition;
  const { finalizers = [] } = metadata;
  const marked = {
    ...metadata,
    deletionTimestamp: formatTime(now),
    finalizers: finalizers.includes(cleanupFinalizer)
      ? finalizers
      : [...finalizers, cleanupFinalizer],
  };
  return withCondition({ ...definition, metadata: marked }, now, {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionPending',
    message:
      'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  });
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** With the condition put in the place of an older one of its type. */
export function withCondition(
  definition: KubeObject,
  now: number,
  { type, status, reason, message }: Condition,
): KubeObject {
  const before = conditionOf(definition, type);
  const same = before?.status === status;
  const condition: JsonObject = {
    ...(same && before.lastTransitionTime !== undefined
      ? { lastTransitionTime: before.lastTransitionTime }
      : { lastTransitionTime: formatTime(now) }),
    message,
    reason,
    status,
    type,
  };
  const all = listAt(definition, 'status', 'conditions').filter(isObject);
  const at = all.findIndex((each) => each.type === type);
  const conditions = at < 0 ? [...all, condition] : all.with(at, condition);
  return { ...definition, status: { ...objectAt(definition, 'status'), conditions } };
}
