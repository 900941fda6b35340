/**
 * One write as webhooks and policies see it: in the words of AdmissionReview, in the version that
 * they ask for.
 */
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';
import {
  apiVersionOf,
  type GroupVersionKind,
  parseApiVersion,
  type ResourceType,
} from '../../kube/resource.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { RequestContext, User } from '../backend.ts';
import { conversionOf } from '../conversions.ts';
import { scaleDocument, withScale } from '../registry/scale.ts';
import type { TypeFacts } from '../registry/type-facts.ts';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** What admission must know of the served types. */
export interface AdmissionTypes {
  factsOf(type: ResourceType): TypeFacts;
  /** The same resource in every version that is served, this one included. */
  versionsOf(type: ResourceType): readonly ResourceType[];
  /** The resource of a kind, such as a policy's paramKind. */
  typeOfKind(apiVersion: string, kind: string): ResourceType | undefined;
  onChange(listener: () => void): () => void;
}

export class Attributes {
  readonly context: RequestContext;
  readonly request: AdmissionRequest;
  readonly #types: AdmissionTypes;
  readonly #phase: 'mutating' | 'validating';

  constructor(
    context: RequestContext,
    request: AdmissionRequest,
    { types, phase }: { types: AdmissionTypes; phase: 'mutating' | 'validating' },
  ) {
    this.context = context;
    this.request = request;
    this.#types = types;
    this.#phase = phase;
  }

  get operation(): AdmissionOperation {
    return this.request.operation;
  }

  get type(): ResourceType {
    return this.request.type;
  }

  get subresource(): string {
    return this.request.ref.subresource ?? '';
  }

  get user(): User {
    return this.context.user;
  }

  get dryRun(): boolean {
    return this.request.options.dryRun;
  }

  /** Of the object; a Namespace counts as being in itself; '' for all else in no namespace. */
  get namespace(): string {
    const { type, ref } = this.request;
    return isNamespaceType(type) ? ref.name : ref.namespace;
  }

  /** '' while a name is still to be generated. */
  get name(): string {
    const { nameGenerated, ref } = this.request;
    return nameGenerated === true && this.#phase === 'mutating' ? '' : ref.name;
  }

  /** Labels that an objectSelector looks at. */
  get labels(): Readonly<Record<string, string>> | undefined {
    const hidden = this.operation === 'DELETE' || this.subresource === 'scale';
    return hidden ? undefined : this.request.object.metadata.labels;
  }

  get oldLabels(): Readonly<Record<string, string>> | undefined {
    return this.subresource === 'scale' ? undefined : this.request.old?.metadata.labels;
  }

  /** What `object` of a review in this version is; undefined: null. */
  object(type: ResourceType): KubeObject | undefined {
    if (this.operation === 'DELETE') return undefined;
    return this.#viewed(this.#shown(this.request.object), type);
  }

  oldObject(type: ResourceType): KubeObject | undefined {
    const { old } = this.request;
    return old === undefined ? undefined : this.#viewed(old, type);
  }

  /** The whole object again from what a mutation made of `object(type)`. */
  restored(viewed: KubeObject): KubeObject {
    const { object, old, type } = this.request;
    if (this.subresource === 'scale') {
      const paths = this.#types.factsOf(type).scale!;
      const { resourceVersion: _version, ...metadata } = viewed.metadata;
      return withScale(object, { ...viewed, metadata }, paths).object;
    }
    const own = type.version === versionOf(viewed) ? viewed : this.#unviewed(viewed);
    const { resourceVersion: _version, ...metadata } = own.metadata;
    const system = pick(object.metadata, old === undefined ? setOnCreate : setOnUpdate);
    const name = this.name === '' ? { name: this.request.ref.name } : {};
    return {
      ...own,
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { ...metadata, ...name, ...system },
    };
  }

  /** Out of another version than the one that was written. */
  #unviewed(viewed: KubeObject): KubeObject {
    const { type } = this.request;
    const version = versionOf(viewed);
    return conversionOf({ ...type, version }, type.version)?.toStored(viewed) ?? viewed;
  }

  /** As it came, before the server filled in what only it may say. */
  #shown(object: KubeObject): KubeObject {
    const { old } = this.request;
    if (old !== undefined) {
      const { resourceVersion } = old.metadata;
      const { generation } = this.#phase === 'mutating' ? old.metadata : object.metadata;
      const metadata: ObjectMeta = { ...object.metadata };
      if (resourceVersion !== undefined) metadata.resourceVersion = resourceVersion;
      if (generation === undefined) delete metadata.generation;
      else metadata.generation = generation;
      return { ...object, metadata };
    }
    if (this.#phase === 'validating') return object;
    const metadata: ObjectMeta = { ...object.metadata };
    for (const field of setOnCreate) delete metadata[field];
    if (this.name === '') delete metadata.name;
    return { ...object, metadata };
  }

  #viewed(object: KubeObject, type: ResourceType): KubeObject {
    if (this.subresource === 'scale') {
      const paths = this.#types.factsOf(this.request.type).scale;
      if (paths !== undefined) return scaleDocument(object, paths) as unknown as KubeObject;
    }
    const apiVersion = apiVersionOf(type);
    // A subresource's own kind (a TokenRequest) has a version of its own.
    if (object.apiVersion === apiVersion || object.kind !== this.request.type.kind) return object;
    const conversion = conversionOf(type, this.request.type.version);
    return conversion?.toServed(object) ?? { ...object, apiVersion };
  }
}

function versionOf({ apiVersion }: KubeObject): string {
  return parseApiVersion(apiVersion).version;
}

const setOnCreate = ['uid', 'generation', 'creationTimestamp'] as const;
const setOnUpdate = ['generation'] as const;

function pick(meta: ObjectMeta, fields: readonly (keyof ObjectMeta)[]): ObjectMeta {
  return Object.fromEntries(
    fields.filter((field) => meta[field] !== undefined).map((field) => [field, meta[field]]),
  );
}

export function isNamespaceType(type: { readonly group: string; readonly resource: string }) {
  return type.group === '' && type.resource === 'namespaces';
}

/** The kind of what is written: the subresource's own, or the type's. */
export function kindFor(type: ResourceType, subresource: string): GroupVersionKind {
  const found =
    subresource === '' ? undefined : type.subresources.find(({ name }) => name === subresource);
  const { group, version, kind } = found ?? type;
  return { group, version, kind };
}
