/** The types of every served kind, compiled from OpenAPI v3 into small shared node graphs. */
import type { Json, JsonObject } from './object.ts';
import type { GroupVersionKind } from './resource.ts';

export type ScalarType = 'string' | 'integer' | 'number' | 'boolean' | 'int-or-string' | 'any';

interface NodeBase {
  /** The definition this node was compiled from, such as io.k8s.api.core.v1.PodTemplateSpec. */
  readonly definition: string | undefined;
  readonly nullable: boolean;
  /** Undefined when the schema declares none. */
  readonly default: Json | undefined;
}

export interface ObjectNode extends NodeBase {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, SchemaNode>;
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly element: SchemaNode;
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly element: SchemaNode;
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  readonly type: ScalarType;
}

/** Anything goes: structure is deduced from the value. */
export interface DeducedNode extends NodeBase {
  readonly kind: 'deduced';
}

export type SchemaNode = ObjectNode | MapNode | ListNode | ScalarNode | DeducedNode;

/** One served kind at one version. */
export interface TypeSchema extends GroupVersionKind {
  readonly root: ObjectNode;
  /** Compiled into kube-apiserver: decoded into Go structs, strategic merge patch works. False for custom resources. */
  readonly native: boolean;
  /** The same kind at another apiVersion, or undefined when that is not served. */
  atVersion(apiVersion: string): TypeSchema | undefined;
}

export interface SchemaDocument {
  readonly group: string;
  readonly version: string;
  /** The OpenAPI v3 document; called once, on the first lookup of one of its kinds. */
  load(): string | Buffer | JsonObject;
  /** Absent: told from the document (only native kinds accept strategic merge patches). */
  readonly native?: boolean;
}

export class SchemaSet {
  /** Adds or replaces the document of one group and version. */
  addDocument(_document: SchemaDocument): void {
    throw new Error('being written');
  }

  /** Adds or replaces one custom kind from its openAPIV3Schema (of the whole object, as in a CRD). */
  addKind(_type: GroupVersionKind, _schema: JsonObject): void {
    throw new Error('being written');
  }

  /** Forgets a group and version with all kinds in it. */
  remove(_group: string, _version: string): void {
    throw new Error('being written');
  }

  /** The compiled schema, shared and immutable; undefined when the kind is unknown. */
  lookup(_group: string, _version: string, _kind: string): TypeSchema | undefined {
    throw new Error('being written');
  }
}

/** A schema for kinds that nobody described: everything is kept, lists are atomic. */
export function schemalessType(_type: GroupVersionKind): TypeSchema {
  throw new Error('being written');
}
