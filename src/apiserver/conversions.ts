/** Versions of built-in types that differ in structure from the one that is stored: as data. */
import { autoscalerToV1, autoscalerToV2, withDefaultMetric } from '../kube/autoscaling.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';

type Converted = readonly KubeObject[] | Promise<readonly KubeObject[]>;

/** Between one version that is served and the one that is stored. */
export interface Conversion {
  readonly stored: string;
  /** Several at once, in their order. */
  toServed(objects: readonly KubeObject[]): Converted;
  toStored(objects: readonly KubeObject[]): Converted;
  /** What a new object of the served version gets besides. */
  complete?(stored: KubeObject): KubeObject;
}

/** Of a built-in type: one object at a time, at once. */
export interface PlainConversion {
  readonly stored: string;
  toServed(object: KubeObject): KubeObject;
  toStored(object: KubeObject): KubeObject;
  complete?(stored: KubeObject): KubeObject;
}

export function inBatches(plain: PlainConversion): Conversion {
  return {
    ...plain,
    toServed: (objects) => objects.map((object) => plain.toServed(object)),
    toStored: (objects) => objects.map((object) => plain.toStored(object)),
  };
}

const conversions: Readonly<Record<string, PlainConversion>> = {
  'horizontalpodautoscalers.autoscaling/v1': {
    stored: 'v2',
    toServed: autoscalerToV1,
    toStored: autoscalerToV2,
    complete: withDefaultMetric,
  },
};

/** How objects of this version are converted to the one named `stored`; undefined: not at all. */
export function conversionOf(
  { group, version, resource }: Pick<ResourceType, 'group' | 'version' | 'resource'>,
  stored: string,
): PlainConversion | undefined {
  const key = `${resource}.${group}/${version}`;
  const conversion = Object.hasOwn(conversions, key) ? conversions[key] : undefined;
  return conversion?.stored === stored ? conversion : undefined;
}
