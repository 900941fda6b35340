/** Our own kinds in the words of discovery and of OpenAPI v3. */
import type { Kind } from '../../api/kind.ts';
import type { JsonObject } from '../../kube/object.ts';
import { apiVersionOf, type ResourceType } from '../../kube/resource.ts';
import type { DiscoveredGroup, DiscoveredResource } from './discovered.ts';
import { documentPath } from './union.ts';

/** Groups with their versions and resources, in the order of the kinds. */
export function discoveredKinds(kinds: readonly Kind[]): DiscoveredGroup[] {
  const groups = new Map<string, Map<string, DiscoveredResource[]>>();
  for (const { type } of kinds) {
    const versions = groups.get(type.group) ?? new Map<string, DiscoveredResource[]>();
    versions.set(type.version, [...(versions.get(type.version) ?? []), discoveredType(type)]);
    groups.set(type.group, versions);
  }
  return [...groups].map(([name, versions]) => ({
    metadata: { name },
    versions: [...versions].map(([version, resources]) => ({ version, resources })),
  }));
}

function discoveredType(type: ResourceType): DiscoveredResource {
  return {
    resource: type.resource,
    responseKind: { group: type.group, version: type.version, kind: type.kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: type.verbs,
    shortNames: type.shortNames,
    categories: type.categories,
    subresources: type.subresources.map(({ name, group, version, kind, verbs }) => ({
      subresource: name,
      responseKind: { group, version, kind },
      verbs,
    })),
  };
}

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';
const patchSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

/**
 * The OpenAPI v3 documents of own kinds, by path. `meta` is any document with the schema of
 * ObjectMeta.
 */
export function kindDocuments(kinds: readonly Kind[], meta: JsonObject): Map<string, JsonObject> {
  const shared = sharedSchemas(meta);
  const documents = new Map<string, JsonObject>();
  for (const kind of kinds) {
    const path = documentPath(kind.type);
    const document = documents.get(path) ?? emptyDocument(shared);
    documents.set(path, document);
    addKind(document as unknown as Document, kind);
  }
  return documents;
}

interface Document {
  readonly paths: JsonObject;
  readonly components: { readonly schemas: JsonObject };
}

function emptyDocument(shared: JsonObject): JsonObject {
  return {
    openapi: '3.0.0',
    info: { title: 'Ubernetes', version: 'unversioned' },
    paths: {},
    components: { schemas: { ...shared } },
  };
}

/** ObjectMeta and Patch with all that they refer to. */
function sharedSchemas(meta: JsonObject): JsonObject {
  const all = (meta as unknown as Document).components.schemas;
  const kept: JsonObject = {};
  const follow = (name: string): void => {
    if (Object.hasOwn(kept, name) || !Object.hasOwn(all, name)) return;
    kept[name] = all[name]!;
    const text = JSON.stringify(all[name]);
    for (const [, next] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) follow(next!);
  };
  follow(objectMeta);
  follow(listMeta);
  follow(patchSchema);
  return kept;
}

const conventions =
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
const metadataText = `Standard object's metadata. More info: ${conventions}#metadata`;

function addKind({ paths, components }: Document, { type, schema }: Kind): void {
  const { group, version, kind } = type;
  const name = `${group.split('.').reverse().join('.')}.${version}.${kind}`;
  const gvk: JsonObject = { group, version, kind };
  const properties = {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    ...(schema['properties'] as JsonObject | undefined),
    metadata: { description: metadataText, allOf: [reference(objectMeta)], default: {} },
  };
  components.schemas[name] = {
    ...schema,
    properties,
    'x-kubernetes-group-version-kind': [gvk],
  };
  components.schemas[`${name}List`] = listSchema(type, name, properties);
  const root = `/apis/${apiVersionOf(type)}`;
  const scope = type.namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${root}${scope}/${type.resource}`;
  const object = `${collection}/{name}`;
  paths[collection] = operations(type, name, {
    get: 'list',
    post: 'create',
    delete: 'deletecollection',
  });
  paths[object] = operations(type, name, {
    get: 'get',
    put: 'update',
    patch: 'patch',
    delete: 'delete',
  });
  if (type.namespaced) paths[`${root}/${type.resource}`] = operations(type, name, { get: 'list' });
  for (const { name: subresource } of type.subresources)
    paths[`${object}/${subresource}`] = operations(type, name, {
      get: 'get',
      put: 'update',
      patch: 'patch',
    });
}

function listSchema(type: ResourceType, name: string, object: JsonObject): JsonObject {
  const { group, version, kind, resource, listKind } = type;
  const description = `List of ${resource}. More info: ${conventions}`;
  return {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: object['apiVersion']!,
      items: { description, type: 'array', items: reference(name) },
      kind: object['kind']!,
      metadata: {
        description: `Standard list metadata. More info: ${conventions}#types-kinds`,
        allOf: [reference(listMeta)],
      },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: listKind }],
  };
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

const actions: Readonly<Record<string, string>> = { create: 'post', update: 'put' };
const writes: ReadonlySet<string> = new Set(['create', 'update', 'patch']);
const patchTypes = ['apply-patch+yaml', 'json-patch+json', 'merge-patch+json'];

/** One operation for each HTTP method whose verb the type has. */
function operations(type: ResourceType, name: string, verbs: Record<string, string>): JsonObject {
  const { group, version, kind } = type;
  const made: JsonObject = {};
  for (const [method, verb] of Object.entries(verbs)) {
    if (!type.verbs.includes(verb)) continue;
    const schema = reference(verb === 'list' ? `${name}List` : name);
    made[method] = {
      operationId: `${verb}${kind}${method}`,
      'x-kubernetes-action': actions[verb] ?? verb,
      'x-kubernetes-group-version-kind': { group, version, kind },
      responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
      ...(writes.has(verb)
        ? { parameters: writeParameters(verb), requestBody: bodyOf(verb, schema) }
        : {}),
    };
  }
  return made;
}

function writeParameters(verb: string): JsonObject[] {
  const names = [
    'dryRun',
    'fieldManager',
    'fieldValidation',
    ...(verb === 'patch' ? ['force'] : []),
  ];
  return names.map((name) => ({
    name,
    in: 'query',
    schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true },
  }));
}

function bodyOf(verb: string, schema: JsonObject): JsonObject {
  const types = verb === 'patch' ? patchTypes : ['json', 'yaml'];
  const body = { schema: verb === 'patch' ? reference(patchSchema) : schema };
  return {
    content: Object.fromEntries(types.map((type) => [`application/${type}`, body])),
    required: true,
  };
}
