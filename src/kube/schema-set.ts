/** The types of every served kind, compiled from OpenAPI v3 when they are first needed. */
import type { JsonObject } from './object.ts';
import { apiVersionOf, type GroupVersionKind, parseApiVersion } from './resource.ts';
import type { SchemaNode, TypeSchema } from './schema.ts';
import { anyObject, compileRoot, SchemaCompiler } from './schema-compile.ts';

export interface SchemaDocument {
  readonly group: string;
  readonly version: string;
  /** The OpenAPI v3 document; called once, on the first lookup of one of its kinds. */
  load(): string | Buffer | JsonObject;
  /** Absent: told from the document (only native kinds accept strategic merge patches). */
  readonly native?: boolean;
}

interface Compiled {
  readonly apiVersion: string;
  readonly native: boolean;
  readonly kinds: readonly { readonly type: GroupVersionKind; readonly root: SchemaNode }[];
}

/** The same bytes are compiled once: what comes of them is immutable. */
const compiledFrom = new WeakMap<Buffer, Compiled>();

function compile(document: SchemaDocument): Compiled {
  const apiVersion = apiVersionOf(document);
  const source = document.load();
  const known = Buffer.isBuffer(source) ? compiledFrom.get(source) : undefined;
  const fits = document.native === undefined || document.native === known?.native;
  if (known?.apiVersion === apiVersion && fits) return known;
  const compiler = new SchemaCompiler(source, document.native);
  const { native } = compiler;
  const compiled = { apiVersion, native, kinds: [...compiler.kinds(document)] };
  if (Buffer.isBuffer(source)) compiledFrom.set(source, compiled);
  return compiled;
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

  /**
   * Adds or replaces one custom kind from its openAPIV3Schema (of the whole object, as in a CRD);
   * it wins over a document.
   */
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
    const compiled = compile(document);
    for (const { type, root } of compiled.kinds)
      kinds.set(type.kind, this.#type(type, root, compiled.native));
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
