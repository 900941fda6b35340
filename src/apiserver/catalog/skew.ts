/** How clusters differ about a custom kind, in words for those who write objects of it. */
import { isObject, type Json, type JsonObject, objectAt } from '../../kube/object.ts';
import { apiVersionOf, groupResource, type ResourceType } from '../../kube/resource.ts';
import { documentPath, type TypeSet } from './union.ts';

/** Kinds that no Kubernetes brings along. */
export function isForeign({ group }: { readonly group: string }): boolean {
  return group.includes('.') && !group.endsWith('.k8s.io');
}

/** `members`: newest first; `read`: the document of a digest. Empty when all say the same. */
export function skewOf(
  type: ResourceType,
  members: readonly TypeSet[],
  read: (digest: string) => Buffer,
): string[] {
  const texts: string[] = [];
  const serving: TypeSet[] = [];
  for (const set of members) {
    const versions = versionsOf(set, type);
    if (versions.includes(type.version)) serving.push(set);
    else if (versions.length > 0)
      texts.push(
        `cluster ${set.name} serves ${groupResource(type)} as ${versions.join(', ')}, not as ` +
          type.version,
      );
  }
  const [first, ...others] = serving.flatMap(({ name, documents }) => {
    const digest = documents.get(documentPath(type));
    return digest === undefined ? [] : [{ name, digest }];
  });
  if (first === undefined || others.every(({ digest }) => digest === first.digest)) return texts;
  const schema = schemaText(read(first.digest), type);
  const differing = others.filter(
    ({ digest }) => digest !== first.digest && schemaText(read(digest), type) !== schema,
  );
  for (const { name } of differing)
    texts.push(
      `cluster ${name} has another schema of ${type.kind} in ${apiVersionOf(type)} than cluster ` +
        `${first.name}, whose schema is used here`,
    );
  return texts;
}

function versionsOf({ groups }: TypeSet, { group, resource }: ResourceType): string[] {
  const found = groups.find(({ metadata }) => (metadata.name ?? '') === group);
  return (found?.versions ?? [])
    .filter(({ resources = [] }) => resources.some((each) => each.resource === resource))
    .map(({ version }) => version);
}

/** What a document says about a kind, but for the words. */
function schemaText(document: Buffer, { group, version, kind }: ResourceType): string {
  const parsed = JSON.parse(document.toString('utf8')) as JsonObject;
  const isKind = (gvk: Json): boolean =>
    isObject(gvk) && gvk.group === group && gvk.version === version && gvk.kind === kind;
  for (const schema of Object.values(objectAt(parsed, 'components', 'schemas') ?? {})) {
    const gvks = isObject(schema) && schema['x-kubernetes-group-version-kind'];
    if (Array.isArray(gvks) && gvks.some(isKind))
      return JSON.stringify(schema, (key, value: unknown) =>
        key === 'description' && typeof value === 'string' ? undefined : value,
      );
  }
  return '';
}
