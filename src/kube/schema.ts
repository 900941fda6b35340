/** The type of a kind as a small graph of nodes, shared and immutable. */
import type { GoField } from './go-fields.ts';
import type { Json } from './object.ts';
import type { GroupVersionKind } from './resource.ts';

/**
 * 'int-or-string' and 'any' take several forms; 'any' also stands beside a list and a map for
 * "whatever".
 */
export type ScalarType = 'string' | 'integer' | 'number' | 'boolean' | 'int-or-string' | 'any';

export interface ListShape {
  /** How elements are told apart when lists are merged. */
  readonly relation: 'atomic' | 'set' | 'map';
  /** The fields that name an element of a 'map' list, in the order of the schema. */
  readonly keys: readonly string[];
  readonly element: SchemaNode;
}

export interface MapShape {
  readonly atomic: boolean;
  readonly fields: ReadonlyMap<string, SchemaNode>;
  /** The type of all other keys; undefined: other keys are unknown fields. */
  readonly element: SchemaNode | undefined;
  /** Other keys are tolerated by x-kubernetes-preserve-unknown-fields, not declared. */
  readonly preservesUnknown: boolean;
}

/**
 * What a custom kind's schema forbids; absent on native kinds, whose rules are code in kube-
 * apiserver.
 */
export interface ValueRules {
  readonly required?: readonly string[];
  readonly enum?: readonly Json[];
  readonly pattern?: RegExp;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  /** allOf, anyOf, oneOf and not, compiled; they judge values and never add structure. */
  readonly allOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly not?: SchemaNode;
}

/**
 * What a value may look like; several forms at once for types that take several. Shared by all uses
 * of a definition.
 */
export interface Shape {
  /** The definition this was compiled from, such as io.k8s.api.core.v1.PodTemplateSpec. */
  readonly definition: string | undefined;
  readonly scalar: ScalarType | undefined;
  readonly format: string | undefined;
  readonly list: ListShape | undefined;
  readonly map: MapShape | undefined;
  readonly rules: ValueRules | undefined;
  /**
   * x-kubernetes-embedded-resource: apiVersion, kind and metadata are known without being declared.
   */
  readonly embedded: boolean;
  /** x-kubernetes-preserve-unknown-fields of this very schema: what it does not name stays. */
  readonly keeps: boolean;
}

/** One use of a shape: a field, an element, or the whole object. */
export interface SchemaNode {
  readonly shape: Shape;
  readonly nullable: boolean;
  /** Undefined when the schema declares none. */
  readonly default: Json | undefined;
  /** How a native kind's Go struct writes this field; undefined for custom kinds. */
  readonly go: GoField | undefined;
  /** Strategic merge patch: the strategies and the key that names an element. */
  readonly patch: PatchMeta | undefined;
  /** x-kubernetes-map-type at the place of use; undefined: as the shape says. */
  readonly atomic: boolean | undefined;
}

export interface PatchMeta {
  readonly merge: boolean;
  readonly retainKeys: boolean;
  readonly mergeKey: string | undefined;
}

/** One served kind at one version. */
export interface TypeSchema extends GroupVersionKind {
  readonly root: SchemaNode;
  /**
   * Compiled into kube-apiserver: decoded into Go structs, strategic merge patch works. False for
   * custom resources.
   */
  readonly native: boolean;
  /** The same kind at another apiVersion, or undefined when that is not served. */
  atVersion(apiVersion: string): TypeSchema | undefined;
}
