/**
 * OpenAPI v3 to schema nodes: $refs resolved, every definition compiled once, descriptions left
 * behind.
 */
import { goFields } from './go-fields.ts';
import { parseJson } from './json.ts';
import { isObject, type Json, type JsonObject, objectAt } from './object.ts';
import { objectMetaSchema } from './object-meta-schema.ts';
import type { GroupVersionKind } from './resource.ts';
import type { ListShape, MapShape, PatchMeta, ScalarType, SchemaNode, Shape } from './schema.ts';
import { compileRules } from './schema-rules.ts';

type Building<T> = { -readonly [K in keyof T]: T[K] };

/** Deeper inline schemas are cut: what lies below is kept and not judged. */
const maxDepth = 200;

function shape(parts: Partial<Shape>): Building<Shape> {
  return {
    definition: undefined,
    scalar: undefined,
    format: undefined,
    list: undefined,
    map: undefined,
    rules: undefined,
    embedded: false,
    keeps: false,
    ...parts,
  };
}

export function plainNode(of: Shape): SchemaNode {
  return {
    shape: of,
    nullable: false,
    default: undefined,
    go: undefined,
    patch: undefined,
    atomic: undefined,
  };
}

/** Whatever it is, it is one value: changed and owned as a whole. */
const atomicShape = shape({ scalar: 'any', keeps: true });
const atomicNode = plainNode(atomicShape);
atomicShape.list = { relation: 'atomic', keys: [], element: atomicNode };
atomicShape.map = {
  atomic: true,
  fields: new Map(),
  element: atomicNode,
  preservesUnknown: false,
};

/** Whatever it is: objects are merged field by field, lists are atomic. */
const deducedShape = shape({ scalar: 'any', keeps: true });
const deducedNode = plainNode(deducedShape);
deducedShape.list = { relation: 'atomic', keys: [], element: atomicNode };
deducedShape.map = {
  atomic: false,
  fields: new Map(),
  element: deducedNode,
  preservesUnknown: true,
};

/** The root of a kind without a schema. */
export const anyObject: SchemaNode = plainNode(shape({ map: deducedShape.map, keeps: true }));

const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension';
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** Compiles the definitions of one document. */
export class SchemaCompiler {
  readonly native: boolean;
  readonly #schemas: JsonObject;
  readonly #shapes = new Map<string, Building<Shape>>();

  /** `native` undefined: told from the document. */
  constructor(document: string | Buffer | JsonObject, native?: boolean) {
    const parsed =
      typeof document === 'string' || Buffer.isBuffer(document)
        ? parseJson(document).value
        : document;
    this.#schemas = objectAt(parsed, 'components', 'schemas') ?? {};
    this.native = native ?? looksNative(parsed, this.#schemas);
  }

  /** Every kind of this group and version that the document defines. */
  *kinds(of: {
    readonly group: string;
    readonly version: string;
  }): Generator<{ type: GroupVersionKind; root: SchemaNode }> {
    for (const [name, schema] of Object.entries(this.#schemas)) {
      const tags = isObject(schema) ? schema['x-kubernetes-group-version-kind'] : undefined;
      if (!Array.isArray(tags)) continue;
      for (const tag of tags) {
        if (!isObject(tag) || tag.group !== of.group || tag.version !== of.version) continue;
        const type = { group: of.group, version: of.version, kind: String(tag.kind) };
        yield { type, root: plainNode(this.#definition(name)) };
      }
    }
  }

  /** One use of a schema that stands alone. */
  node(schema: Json | undefined, keepsUnknown = false, depth = 0): SchemaNode {
    if (!isObject(schema) || depth > maxDepth) return deducedNode;
    const reference = referenceOf(schema);
    const own = objectAt(schema);
    const of =
      reference === undefined
        ? this.#inline(schema, keepsUnknown, depth)
        : this.#definition(reference);
    return {
      shape: of,
      nullable: schema.nullable === true,
      default: own?.default,
      go: undefined,
      patch: patchOf(schema),
      atomic: reference === undefined ? undefined : mapAtomic(schema),
    };
  }

  #definition(name: string): Shape {
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const schema = this.#schemas[name];
    const own = shape({ definition: name });
    this.#shapes.set(name, own);
    if (name === quantity) own.scalar = 'int-or-string';
    else if (name === rawExtension || !isObject(schema)) {
      const { scalar, list, map } = atomicShape;
      Object.assign(own, { scalar, list, map });
    } else this.#fill(own, schema, false, 0);
    return own;
  }

  #inline(schema: JsonObject, keepsUnknown: boolean, depth: number): Shape {
    const own = shape({});
    this.#fill(own, schema, keepsUnknown, depth);
    return own;
  }

  #fill(own: Building<Shape>, schema: JsonObject, keepsAbove: boolean, depth: number): void {
    const type = schema.type;
    own.format = typeof schema.format === 'string' ? schema.format : undefined;
    own.keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
    own.embedded = schema['x-kubernetes-embedded-resource'] === true;
    const keepsUnknown = keepsAbove || own.keeps;
    own.scalar = scalarOf(schema);
    const open = type === undefined && own.scalar === 'any';
    if (type === 'object' || open) own.map = this.#map(own.definition, schema, keepsUnknown, depth);
    if (type === 'array' || open) own.list = this.#list(schema, keepsUnknown, depth);
    if (own.embedded && own.map !== undefined) own.map = withTypeMeta(own.map);
    if (!this.native)
      own.rules = compileRules(schema, (inner) => this.node(inner, keepsUnknown, depth + 1));
  }

  #map(
    definition: string | undefined,
    schema: JsonObject,
    keepsUnknown: boolean,
    depth: number,
  ): MapShape {
    const fields = new Map<string, SchemaNode>();
    const go = goFields(definition);
    for (const [name, field] of Object.entries(objectAt(schema, 'properties') ?? {})) {
      const node = this.node(field, keepsUnknown, depth + 1);
      fields.set(name, go === undefined ? node : { ...node, go: go.get(name) });
    }
    const more = schema.additionalProperties;
    let element: SchemaNode | undefined;
    if (isObject(more)) element = this.node(more, keepsUnknown, depth + 1);
    else if (more === true || (more === undefined && (keepsUnknown || fields.size === 0)))
      element = deducedNode;
    return {
      atomic: mapAtomic(schema) ?? false,
      fields,
      element,
      preservesUnknown: element === deducedNode && more === undefined,
    };
  }

  #list(schema: JsonObject, keepsUnknown: boolean, depth: number): ListShape {
    const element =
      schema.items === undefined ? atomicNode : this.node(schema.items, keepsUnknown, depth + 1);
    return { ...relationOf(schema), element };
  }
}

/** The root of a custom kind from the openAPIV3Schema of its CRD. */
export function compileRoot(schema: JsonObject): SchemaNode {
  const compiler = new SchemaCompiler({}, false);
  const root = compiler.node(schema);
  const map = root.shape.map ?? anyObject.shape.map!;
  return {
    ...root,
    shape: { ...root.shape, scalar: undefined, list: undefined, map: withTypeMeta(map) },
  };
}

/** A part of a custom kind's schema, seen by itself. */
export function compileStandalone(schema: JsonObject): SchemaNode {
  return new SchemaCompiler({}, false).node(schema);
}

const metaNode = new SchemaCompiler(
  { components: { schemas: { [objectMeta]: objectMetaSchema } } },
  true,
).node({ $ref: `#/components/schemas/${objectMeta}` });
const stringNode = plainNode(shape({ scalar: 'string' }));

function withTypeMeta(map: MapShape): MapShape {
  const fields = new Map(map.fields);
  fields.set('apiVersion', stringNode);
  fields.set('kind', stringNode);
  fields.set('metadata', metaNode);
  return { ...map, fields };
}

function referenceOf(schema: JsonObject): string | undefined {
  const allOf = schema.allOf;
  const single = Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : undefined;
  const reference = schema.$ref ?? (isObject(single) ? single.$ref : undefined);
  return typeof reference === 'string'
    ? reference.slice(reference.lastIndexOf('/') + 1)
    : undefined;
}

function scalarOf(schema: JsonObject): ScalarType | undefined {
  switch (schema.type) {
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type;
    case 'string':
      return schema.format === 'int-or-string' ? 'int-or-string' : 'string';
    case 'object':
    case 'array':
      return undefined;
    default: {
      const both = schema['x-kubernetes-int-or-string'] === true;
      return both || schema.format === 'int-or-string' ? 'int-or-string' : 'any';
    }
  }
}

function mapAtomic(schema: JsonObject): boolean | undefined {
  const type = schema['x-kubernetes-map-type'];
  return type === undefined ? undefined : type === 'atomic';
}

function relationOf(schema: JsonObject): Pick<ListShape, 'relation' | 'keys'> {
  const type = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  if (type === 'set') return { relation: 'set', keys: [] };
  if (type === 'map' && Array.isArray(keys)) return { relation: 'map', keys: keys.map(String) };
  if (type !== undefined) return { relation: 'atomic', keys: [] };
  const patch = patchOf(schema);
  if (patch?.merge !== true) return { relation: 'atomic', keys: [] };
  if (patch.mergeKey === undefined) return { relation: 'set', keys: [] };
  return { relation: 'map', keys: [patch.mergeKey] };
}

function patchOf(schema: JsonObject): PatchMeta | undefined {
  const strategy = schema['x-kubernetes-patch-strategy'];
  if (typeof strategy !== 'string') return undefined;
  const strategies = strategy.split(',');
  const key = schema['x-kubernetes-patch-merge-key'];
  return {
    merge: strategies.includes('merge'),
    retainKeys: strategies.includes('retainKeys'),
    mergeKey: typeof key === 'string' ? key : undefined,
  };
}

const strategicType = 'application/strategic-merge-patch+json';

/** Only kinds that are compiled into an API server accept strategic merge patches. */
function looksNative(document: Json, schemas: JsonObject): boolean {
  for (const path of Object.values(objectAt(document, 'paths') ?? {})) {
    const content = objectAt(path, 'patch', 'requestBody', 'content');
    if (content !== undefined) return Object.hasOwn(content, strategicType);
  }
  return Object.keys(schemas).some((name) => name.startsWith('io.k8s.api.'));
}
