/**
 * HorizontalPodAutoscalers between autoscaling/v2, in which they are stored, and autoscaling/v1,
 * which knows a CPU target only and keeps all else in annotations, as kube-apiserver does. Pure.
 */
import { parseJson } from './json.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from './object.ts';

const annotation = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
} as const;
const annotations: ReadonlySet<string> = new Set(Object.values(annotation));

/** CPU percentage that an autoscaler/v1 without any metric is given. */
const defaultUtilization = 80;

/** Per type of metric: field in v1, path in v2, and in v1 what an absent quantity is written as. */
type Fields = Readonly<Record<string, readonly (readonly [string, string, string?])[]>>;

const specFields: Fields = {
  Resource: [
    ['name', 'name'],
    ['targetAverageUtilization', 'target.averageUtilization'],
    ['targetAverageValue', 'target.averageValue'],
  ],
  ContainerResource: [
    ['name', 'name'],
    ['targetAverageUtilization', 'target.averageUtilization'],
    ['targetAverageValue', 'target.averageValue'],
    ['container', 'container'],
  ],
  Pods: [
    ['metricName', 'metric.name'],
    ['targetAverageValue', 'target.averageValue', '0'],
    ['selector', 'metric.selector'],
  ],
  Object: [
    ['target', 'describedObject'],
    ['metricName', 'metric.name'],
    ['targetValue', 'target.value', '0'],
    ['selector', 'metric.selector'],
    ['averageValue', 'target.averageValue'],
  ],
  External: [
    ['metricName', 'metric.name'],
    ['metricSelector', 'metric.selector'],
    ['targetValue', 'target.value'],
    ['targetAverageValue', 'target.averageValue'],
  ],
};

const statusFields: Fields = {
  Resource: [
    ['name', 'name'],
    ['currentAverageUtilization', 'current.averageUtilization'],
    ['currentAverageValue', 'current.averageValue', '0'],
  ],
  ContainerResource: [
    ['name', 'name'],
    ['currentAverageUtilization', 'current.averageUtilization'],
    ['currentAverageValue', 'current.averageValue', '0'],
    ['container', 'container'],
  ],
  Pods: [
    ['metricName', 'metric.name'],
    ['currentAverageValue', 'current.averageValue', '0'],
    ['selector', 'metric.selector'],
  ],
  Object: [
    ['target', 'describedObject'],
    ['metricName', 'metric.name'],
    ['currentValue', 'current.value', '0'],
    ['selector', 'metric.selector'],
    ['averageValue', 'current.averageValue'],
  ],
  External: [
    ['metricName', 'metric.name'],
    ['metricSelector', 'metric.selector'],
    ['currentValue', 'current.value', '0'],
    ['currentAverageValue', 'current.averageValue'],
  ],
};

/** The v2 object, or a part of one, in the words of v1. */
export function autoscalerToV1(object: KubeObject): KubeObject {
  const { metrics, behavior, ...spec } = objectAt(object, 'spec') ?? {};
  const { currentMetrics, conditions, ...status } = objectAt(object, 'status') ?? {};
  const cpu = listOf(metrics).find(isCpu);
  const seen = listOf(currentMetrics).find(isCpu);
  const others = listOf(metrics).filter((metric) => !isCpu(metric) || !hasUtilization(metric));
  const kept: Record<string, string> = {};
  keep(
    kept,
    annotation.metrics,
    others.map((metric) => metricToV1(metric, specFields)),
  );
  const statuses = listOf(currentMetrics).map((metric) => metricToV1(metric, statusFields));
  keep(kept, annotation.currentMetrics, statuses);
  keep(kept, annotation.conditions, listOf(conditions));
  if (isObject(behavior)) kept[annotation.behavior] = behaviorText(behavior);
  const target = valueAt(cpu, 'resource', 'target', 'averageUtilization');
  const current = valueAt(seen, 'resource', 'current', 'averageUtilization');
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(object.metadata, kept),
    ...(object['spec'] !== undefined && {
      spec: { ...spec, ...defined('targetCPUUtilizationPercentage', target) },
    }),
    ...(object['status'] !== undefined && {
      status: { ...status, ...defined('currentCPUUtilizationPercentage', current) },
    }),
  };
}

/** The v1 object, or a part of one, in the words of v2. */
export function autoscalerToV2(object: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage: target, ...spec } = objectAt(object, 'spec') ?? {};
  const { currentCPUUtilizationPercentage: _, ...status } = objectAt(object, 'status') ?? {};
  const kept = object.metadata.annotations ?? {};
  const metrics = listOf(read(kept[annotation.metrics])).map(metricToV2);
  if (typeof target === 'number') metrics.push(cpuMetric(target));
  const currentMetrics = listOf(read(kept[annotation.currentMetrics])).map(statusToV2);
  const conditions = listOf(read(kept[annotation.conditions]));
  const behavior = read(kept[annotation.behavior]);
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(object.metadata, {}),
    ...(object['spec'] !== undefined && {
      spec: {
        ...spec,
        ...(metrics.length > 0 && { metrics }),
        ...(isObject(behavior) && { behavior: withJsonNames(behavior) }),
      },
    }),
    ...(object['status'] !== undefined && {
      status: {
        ...status,
        ...(currentMetrics.length > 0 && { currentMetrics }),
        ...(conditions.length > 0 && { conditions }),
      },
    }),
  };
}

/** A new autoscaler that names no metric is given one. `v2` is what v1 was sent, converted. */
export function withDefaultMetric(v2: KubeObject): KubeObject {
  const spec = objectAt(v2, 'spec');
  if (spec === undefined || listOf(spec['metrics']).length > 0) return v2;
  return { ...v2, spec: { ...spec, metrics: [cpuMetric(defaultUtilization)] } };
}

const cpuMetric = (averageUtilization: number): JsonObject => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

function isCpu(metric: Json): boolean {
  return valueAt(metric, 'type') === 'Resource' && valueAt(metric, 'resource', 'name') === 'cpu';
}

function hasUtilization(metric: Json): boolean {
  return valueAt(metric, 'resource', 'target', 'averageUtilization') !== undefined;
}

/** The field of a metric in which its type puts all that it says. */
function sourceOf(metric: Json): { type: string; name: string; source: JsonObject } | undefined {
  const type = String(valueAt(metric, 'type') ?? '');
  const name = type.slice(0, 1).toLowerCase() + type.slice(1);
  const source = objectAt(metric, name);
  return source === undefined ? undefined : { type, name, source };
}

function metricToV1(metric: Json, table: Fields): Json {
  const from = sourceOf(metric);
  const fields = from && table[from.type];
  if (from === undefined || fields === undefined) return metric;
  const source: JsonObject = {};
  for (const [field, path, absent] of fields) {
    const value = valueAt(from.source, ...path.split('.')) ?? absent;
    if (value !== undefined) source[field] = value;
  }
  return { type: from.type, [from.name]: source };
}

function metricFromV1(metric: Json, table: Fields): { metric: Json; source: JsonObject } {
  const from = sourceOf(metric);
  const fields = from && table[from.type];
  if (from === undefined || fields === undefined) return { metric, source: {} };
  const source: JsonObject = {};
  for (const [field, path] of fields) {
    const value = from.source[field];
    if (value === undefined || value === null) continue;
    const [first, second] = path.split('.') as [string, string | undefined];
    if (second === undefined) source[first] = value;
    else source[first] = { ...objectAt(source, first), [second]: value };
  }
  return { metric: { type: from.type, [from.name]: source }, source };
}

function metricToV2(metric: Json): Json {
  const { metric: converted, source } = metricFromV1(metric, specFields);
  const { averageUtilization, averageValue, value } = objectAt(source, 'target') ?? {};
  // v1 writes a value also where it means the average.
  if (averageUtilization !== undefined) {
    source['target'] = { type: 'Utilization', averageUtilization };
  } else if (averageValue !== undefined) source['target'] = { type: 'AverageValue', averageValue };
  else if (value !== undefined) source['target'] = { type: 'Value', value };
  return converted;
}

function statusToV2(metric: Json): Json {
  return metricFromV1(metric, statusFields).metric;
}

/** kube-apiserver writes it with the names of Go's fields, and absent ones as null. */
function behaviorText(behavior: JsonObject): string {
  const rules = (value: Json | undefined): Json => {
    if (!isObject(value)) return null;
    const policies = listOf(value['policies']).map((policy) => ({
      Type: valueAt(policy, 'type') ?? '',
      Value: valueAt(policy, 'value') ?? 0,
      PeriodSeconds: valueAt(policy, 'periodSeconds') ?? 0,
    }));
    return {
      StabilizationWindowSeconds: value['stabilizationWindowSeconds'] ?? null,
      SelectPolicy: value['selectPolicy'] ?? null,
      Policies: policies.length === 0 ? null : policies,
      Tolerance: value['tolerance'] ?? null,
    };
  };
  const { scaleUp, scaleDown } = behavior;
  return JSON.stringify({ ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) });
}

function withJsonNames(value: Json): Json {
  if (Array.isArray(value)) return value.map(withJsonNames);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, each] of Object.entries(value)) {
    if (each !== null) result[name.slice(0, 1).toLowerCase() + name.slice(1)] = withJsonNames(each);
  }
  return result;
}

function keep(kept: Record<string, string>, name: string, list: readonly Json[]): void {
  if (list.length > 0) kept[name] = JSON.stringify(list);
}

function withAnnotations(
  metadata: KubeObject['metadata'],
  added: Readonly<Record<string, string>>,
): KubeObject['metadata'] {
  const { annotations: before = {}, ...rest } = metadata;
  const own = Object.entries(before).filter(([name]) => !annotations.has(name));
  const all = { ...Object.fromEntries(own), ...added };
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}

/** What an annotation holds; what is no JSON counts as absent. */
function read(value: string | undefined): Json | undefined {
  if (value === undefined) return undefined;
  try {
    return parseJson(Buffer.from(value)).value;
  } catch {
    return undefined;
  }
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function defined(name: string, value: Json | undefined): JsonObject {
  return value === undefined || value === null ? {} : { [name]: value };
}
