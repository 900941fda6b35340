/** What a CustomResourceDefinition says, as the parts that serve its objects want it. */
import type { Column } from '../../api/kind.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';

export const definitionsResource = 'customresourcedefinitions.apiextensions.k8s.io';

/** Where the scale subresource finds its numbers, as fields from the object's root. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A LabelSelector or a selector in text; undefined: the kind has none. */
  readonly selector: readonly string[] | undefined;
  /** As a definition says, not as built-in kinds have it. */
  readonly custom?: boolean;
}

export interface CustomVersion {
  readonly type: ResourceType;
  /** openAPIV3Schema. */
  readonly schema: JsonObject;
  readonly columns: readonly Column[];
  readonly scale: ScalePaths | undefined;
  /** JSONPaths that fields can be selected by, without their first dot. */
  readonly selectable: readonly string[];
  /** What users of a deprecated version are told. */
  readonly deprecation: string | undefined;
}

export interface CustomKind {
  /** 'widgets.example.com': the definition's own name, too. */
  readonly name: string;
  /** Changes with the definition. */
  readonly revision: string;
  /** Served ones, the preferred one first. */
  readonly versions: readonly CustomVersion[];
  /** Of all versions, served or not, by name. */
  readonly schemas: ReadonlyMap<string, JsonObject>;
  /** The version that objects are stored in: 'v1'. */
  readonly storage: string;
  /** spec.conversion when it is a webhook's. */
  readonly webhook: JsonObject | undefined;
  readonly terminating: boolean;
}

const readVerbs = ['delete', 'deletecollection', 'get', 'list', 'watch'] as const;
const allVerbs = [...readVerbs.slice(0, 4), 'patch', 'create', 'update', 'watch'] as const;
const subresourceVerbs = ['get', 'patch', 'update'] as const;

export function isEstablished(definition: KubeObject): boolean {
  return conditionOf(definition, 'Established')?.status === 'True';
}

export function conditionOf(definition: KubeObject, type: string): JsonObject | undefined {
  return listAt(definition, 'status', 'conditions').find(
    (condition): condition is JsonObject => isObject(condition) && condition.type === type,
  );
}

export function listAt(value: unknown, ...path: readonly string[]): readonly Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** Of an accepted definition: its names are those that were accepted. */
export function readDefinition(definition: KubeObject): CustomKind {
  const terminating = definition.metadata.deletionTimestamp !== undefined;
  const versions = listAt(definition, 'spec', 'versions').filter(isObject);
  const storage = versions.find(({ storage }) => storage === true);
  const schemas = new Map(versions.map((version) => [String(version.name), schemaOf(version)]));
  const served = versions.filter(({ served }) => served === true);
  served.sort((a, b) => compareVersionNames(String(a.name), String(b.name)));
  const conversion = objectAt(definition, 'spec', 'conversion');
  return {
    name: definition.metadata.name ?? '',
    revision: definition.metadata.resourceVersion ?? '',
    versions: served.map((version) => readVersion(definition, version, terminating)),
    schemas,
    storage: String(storage?.name ?? ''),
    webhook: conversion?.strategy === 'Webhook' ? conversion : undefined,
    terminating,
  };
}

function schemaOf(version: JsonObject): JsonObject {
  return objectAt(version, 'schema', 'openAPIV3Schema') ?? { type: 'object' };
}

function readVersion(
  definition: KubeObject,
  version: JsonObject,
  terminating: boolean,
): CustomVersion {
  const name = String(version.name);
  const type = typeOf(definition, version, terminating);
  return {
    type,
    schema: schemaOf(version),
    columns: columnsOf(version),
    scale: scaleOf(version),
    selectable: listAt(version, 'selectableFields').map((field) =>
      textAt(field, 'jsonPath').replace(/^\./, ''),
    ),
    deprecation: version.deprecated === true ? deprecationOf(version, type, name) : undefined,
  };
}

function deprecationOf(version: JsonObject, type: ResourceType, name: string): string {
  const own = textAt(version, 'deprecationWarning');
  return own === '' ? `${type.group}/${name} ${type.kind} is deprecated` : own;
}

function typeOf(definition: KubeObject, version: JsonObject, terminating: boolean): ResourceType {
  const names = objectAt(definition, 'status', 'acceptedNames') ?? {};
  const kind = textAt(names, 'kind');
  const own = { group: textAt(definition, 'spec', 'group'), version: String(version.name), kind };
  const subresources: ResourceType['subresources'][number][] = [];
  if (objectAt(version, 'subresources', 'status') !== undefined)
    subresources.push({ name: 'status', ...own, verbs: subresourceVerbs });
  if (objectAt(version, 'subresources', 'scale') !== undefined)
    subresources.push({
      name: 'scale',
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: subresourceVerbs,
    });
  return {
    ...own,
    resource: textAt(names, 'plural'),
    singular: textAt(names, 'singular'),
    listKind: textAt(names, 'listKind'),
    namespaced: textAt(definition, 'spec', 'scope') === 'Namespaced',
    verbs: terminating ? readVerbs : allVerbs,
    shortNames: listAt(names, 'shortNames').map(String),
    categories: listAt(names, 'categories').map(String),
    subresources,
  };
}

const age: Column = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. ' +
    'It is not guaranteed to be set in happens-before order across separate operations. Clients ' +
    'may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the ' +
    'system. Read-only. Null for lists. More info: ' +
    'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  priority: 0,
  jsonPath: '.metadata.creationTimestamp',
};

function columnsOf(version: JsonObject): Column[] {
  const declared = listAt(version, 'additionalPrinterColumns').filter(isObject);
  if (declared.length === 0) return [age];
  return declared.map((column) => ({
    name: textAt(column, 'name'),
    type: textAt(column, 'type') as Column['type'],
    format: textAt(column, 'format'),
    description: textAt(column, 'description'),
    priority: typeof column.priority === 'number' ? column.priority : 0,
    jsonPath: textAt(column, 'jsonPath'),
  }));
}

function scaleOf(version: JsonObject): ScalePaths | undefined {
  const scale = objectAt(version, 'subresources', 'scale');
  if (scale === undefined) return undefined;
  const selector = textAt(scale, 'labelSelectorPath');
  return {
    specReplicas: fieldsOf(textAt(scale, 'specReplicasPath')),
    statusReplicas: fieldsOf(textAt(scale, 'statusReplicasPath')),
    selector: selector === '' ? undefined : fieldsOf(selector),
    custom: true,
  };
}

/** '.spec.replicas' as fields. */
function fieldsOf(path: string): string[] {
  return path.split('.').filter((field) => field !== '');
}

const versionName = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** In Kubernetes' order of preference: v2, v1, v2beta1, v1alpha1, then all else by name. */
export function compareVersionNames(a: string, b: string): number {
  const [x, y] = [rankOf(a), rankOf(b)];
  if (x === undefined || y === undefined)
    return x !== undefined ? -1 : y !== undefined ? 1 : a < b ? -1 : a > b ? 1 : 0;
  for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return y[i]! - x[i]!;
  return 0;
}

function rankOf(name: string): [number, number, number] | undefined {
  const found = versionName.exec(name);
  if (found === null) return undefined;
  const stability = found[2] === undefined ? 2 : found[2] === 'beta' ? 1 : 0;
  return [stability, Number(found[1]), Number(found[3] ?? 0)];
}
