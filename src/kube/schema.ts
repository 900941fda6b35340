/** The types of every served kind, compiled from OpenAPI v3 into small shared node graphs. */
import type { GoField } from './go-fields.ts';
import type { Json, JsonObject } from './object.ts';
import { apiVersionOf, type GroupVersionKind, parseApiVersion } from './resource.ts';
import { anyObject, compileRoot, SchemaCompiler } from './schema-compile.ts';

/** 'int-or-string' and 'any' take several forms; 'any' also stands beside a list and a map for "whatever". */
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

/** What a custom kind's schema forbids; absent on native kinds, whose rules are code in kube-apiserver. */
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

/** What a value may look like; several forms at once for types that take several. Shared by all uses of a definition. */
export interface Shape {
  /** The definition this was compiled from, such as io.k8s.api.core.v1.PodTemplateSpec. */
  readonly definition: string | undefined;
  readonly scalar: ScalarType | undefined;
  readonly format: string | undefined;
  readonly list: ListShape | undefined;
  readonly map: MapShape | undefined;
  readonly rules: ValueRules | undefined;
  /** x-kubernetes-embedded-resource: apiVersion, kind and metadata are known without being declared. */
  readonly embedded: boolean;
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
  readonly #documents = new Map<string, SchemaDocument>();
  /** apiVersion → kind → schema; filled when a document is first needed. */
  readonly #compiled = new Map<string, Map<string, TypeSchema>>();
  readonly #kinds = new Map<string, Map<string, TypeSchema>>();

  /** Adds or replaces the document of one group and version. */
  addDocument(document: SchemaDocument): void {
    const apiVersion = apiVersionOf(document);
    this.#documents.set(apiVersion, document);
    this.#compiled.delete(apiVersion);
  }

  /** Adds or replaces one custom kind from its openAPIV3Schema (of the whole object, as in a CRD); it wins over a document. */
  addKind(type: GroupVersionKind, schema: JsonObject): void {
    const apiVersion = apiVersionOf(type);
    const kinds = this.#kinds.get(apiVersion) ?? new Map<string, TypeSchema>();
    kinds.set(type.kind, this.#type(type, compileRoot(schema), false));
    this.#kinds.set(apiVersion, kinds);
  }

  /** Forgets a kind that addKind brought. */
  removeKind(type: GroupVersionKind): void {
    this.#kinds.get(apiVersionOf(type))?.delete(type.kind);
  }

  /** Forgets a group and version with all kinds in it. */
  remove(group: string, version: string): void {
    const apiVersion = apiVersionOf({ group, version });
    this.#documents.delete(apiVersion);
    this.#compiled.delete(apiVersion);
    this.#kinds.delete(apiVersion);
  }

  /** The compiled schema, shared and immutable; undefined when the kind is unknown. */
  lookup(group: string, version: string, kind: string): TypeSchema | undefined {
    const apiVersion = apiVersionOf({ group, version });
    const own = this.#kinds.get(apiVersion)?.get(kind);
    return own ?? this.#document(apiVersion)?.get(kind);
  }

  #document(apiVersion: string): ReadonlyMap<string, TypeSchema> | undefined {
    const known = this.#compiled.get(apiVersion);
    if (known !== undefined) return known;
    const document = this.#documents.get(apiVersion);
    if (document === undefined) return undefined;
    const kinds = new Map<string, TypeSchema>();
    const compiler = new SchemaCompiler(document.load(), document.native);
    for (const { type, root } of compiler.kinds(document))
      kinds.set(type.kind, this.#type(type, root, compiler.native));
    this.#compiled.set(apiVersion, kinds);
    return kinds;
  }

  #type(type: GroupVersionKind, root: SchemaNode, native: boolean): TypeSchema {
    const { group, version, kind } = type;
    const own = apiVersionOf(type);
    const schema: TypeSchema = {
      group,
      version,
      kind,
      root,
      native,
      atVersion: (apiVersion) => {
        if (apiVersion === own) return schema;
        const other = parseApiVersion(apiVersion);
        return other.group === group ? this.lookup(group, other.version, kind) : undefined;
      },
    };
    return schema;
  }
}

/** A schema for a kind that nobody described: everything is kept, lists are atomic. */
export function schemalessType(type: GroupVersionKind): TypeSchema {
  const { group, version, kind } = type;
  const schema: TypeSchema = {
    group,
    version,
    kind,
    root: anyObject,
    native: false,
    atVersion: (apiVersion) => {
      const other = parseApiVersion(apiVersion);
      if (other.group !== group) return undefined;
      return other.version === version ? schema : schemalessType({ ...other, kind });
    },
  };
  return schema;
}
