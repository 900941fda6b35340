/** Custom kinds in the words of discovery and of OpenAPI v3. */
import type { Kind } from '../../api/kind.ts';
import { type JsonObject, objectAt } from '../../kube/object.ts';
import type { DiscoveredGroup } from '../catalog/discovered.ts';
import { discoveredKinds, kindDocuments } from '../catalog/own-kinds.ts';
import { type CustomKind, compareVersionNames } from './custom-kind.ts';

const conventions =
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
const apiVersion =
  'APIVersion defines the versioned schema of this representation of an object. Servers should ' +
  'convert recognized schemas to the latest internal value, and may reject unrecognized values. ' +
  `More info: ${conventions}#resources`;
const kindText =
  'Kind is a string value representing the REST resource this object represents. Servers may ' +
  'infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. ' +
  `More info: ${conventions}#types-kinds`;

/** Groups and documents; `meta` is any document with the schema of ObjectMeta. */
export function describeCustom(
  customs: readonly CustomKind[],
  meta: JsonObject,
): { groups: DiscoveredGroup[]; documents: Map<string, JsonObject> } {
  const kinds = customs.flatMap(({ versions }) => versions.map(kindOf));
  const groups = discoveredKinds(kinds).map((group) => ({
    ...group,
    versions: [...group.versions].sort((a, b) => compareVersionNames(a.version, b.version)),
  }));
  return { groups, documents: kindDocuments(kinds, meta) };
}

function kindOf({ type, schema, columns }: CustomKind['versions'][number]): Kind {
  const properties = {
    ...objectAt(schema, 'properties'),
    apiVersion: { type: 'string', description: apiVersion },
    kind: { type: 'string', description: kindText },
  };
  return { type, columns, schema: { ...schema, properties } };
}
