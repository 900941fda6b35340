/** Cuts the types that are needed before any member has joined out of a recording. */
import type { AggregatedDiscovery } from '../../src/apiserver/catalog.ts';

/** What a recording holds, as JSON. */
export interface RecordedTypes {
  readonly version: string;
  readonly discovery: AggregatedDiscovery;
  /** By path as in the root document; `text` is the document to the byte. */
  readonly openapiV3: Record<string, { readonly hash: string; readonly text: string }>;
}

interface Document {
  readonly paths: Record<string, unknown>;
  readonly components: { readonly schemas: Record<string, unknown> };
  readonly [field: string]: unknown;
}

/** Resources by the path of their document; '*' = all. */
const kept: Readonly<Record<string, readonly string[]>> = {
  'api/v1': ['namespaces', 'secrets', 'configmaps', 'serviceaccounts', 'events'],
  'apis/events.k8s.io/v1': ['*'],
  'apis/coordination.k8s.io/v1': ['*'],
  'apis/rbac.authorization.k8s.io/v1': ['*'],
  'apis/apiextensions.k8s.io/v1': ['*'],
  'apis/apiregistration.k8s.io/v1': ['*'],
  'apis/admissionregistration.k8s.io/v1': ['*'],
  'apis/authentication.k8s.io/v1': ['*'],
  'apis/authorization.k8s.io/v1': ['*'],
  'apis/certificates.k8s.io/v1': ['certificatesigningrequests'],
  'apis/flowcontrol.apiserver.k8s.io/v1': ['*'],
};

/** The subset, with only the schemas that it refers to. */
export function subsetOf(types: RecordedTypes): RecordedTypes {
  const openapiV3: RecordedTypes['openapiV3'] = {};
  for (const [path, resources] of Object.entries(kept)) {
    const entry = types.openapiV3[path];
    if (entry === undefined) throw new Error(`the recording has no ${path}`);
    openapiV3[path] = { hash: entry.hash, text: JSON.stringify(cut(path, entry.text, resources)) };
  }
  const items = types.discovery.items.flatMap((group) => {
    const name = group.metadata.name ?? '';
    const versions = group.versions.flatMap((version) => {
      const path = name === '' ? `api/${version.version}` : `apis/${name}/${version.version}`;
      const names = kept[path];
      if (names === undefined) return [];
      const resources = (version.resources ?? []).filter((r) => keeps(names, r.resource));
      return [{ ...version, resources }];
    });
    return versions.length === 0 ? [] : [{ metadata: { name }, versions }];
  });
  return { version: types.version, discovery: { items }, openapiV3 };
}

function keeps(names: readonly string[], resource: string): boolean {
  return names[0] === '*' || names.includes(resource);
}

function cut(documentPath: string, text: string, resources: readonly string[]): Document {
  const document = JSON.parse(text) as Document;
  const paths = Object.fromEntries(
    Object.entries(document.paths).filter(([path]) => {
      const rest = path.slice(documentPath.length + 1).replace(/^\//, '');
      if (rest.startsWith('watch/')) return false;
      const resource = rest.replace(/^namespaces\/\{namespace\}\/(?=.)/, '').split('/')[0] ?? '';
      return rest === '' || keeps(resources, resource);
    }),
  );
  const schemas: Record<string, unknown> = {};
  const follow = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name === undefined || Object.hasOwn(schemas, name)) continue;
      schemas[name] = document.components.schemas[name];
      follow(schemas[name]);
    }
  };
  follow(paths);
  return { ...document, paths, components: { ...document.components, schemas } };
}
