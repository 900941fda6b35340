/**
 * What servers say about their types (apidiscovery.k8s.io/v2), read with care: it comes from
 * members.
 */
import type { ResourceType } from '../../kube/resource.ts';

/**
 * apidiscovery.k8s.io/v2, as far as we read it; `items` of /api and /apis together (the core
 * group's name is '').
 */
export interface AggregatedDiscovery {
  readonly items: readonly DiscoveredGroup[];
}

export interface DiscoveredGroup {
  readonly metadata: { readonly name?: string };
  /** The preferred version first. */
  readonly versions: readonly DiscoveredVersion[];
}

export interface DiscoveredVersion {
  readonly version: string;
  readonly freshness?: string;
  readonly resources?: readonly DiscoveredResource[];
}

export interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind?: DiscoveredKind | null;
  readonly scope: string;
  readonly singularResource?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly DiscoveredSubresource[];
}

export interface DiscoveredSubresource {
  readonly subresource: string;
  readonly responseKind?: DiscoveredKind | null;
  readonly verbs: readonly string[];
}

export interface DiscoveredKind {
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
}

/** Types of one server beyond which the rest is left out. */
export const discoveredTypesMax = 5000;

const groupName = /^[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?$/;
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const kindName = /^[A-Za-z][A-Za-z0-9]{0,126}$/;
const verb = /^[a-z]{1,32}$/;
const listMax = 64;

/**
 * A copy without anything that is no name of the sort it should be; groups that `refused` names are
 * left out.
 */
export function sanitize(
  discovery: AggregatedDiscovery,
  refused: (group: string) => boolean,
): AggregatedDiscovery {
  let left = discoveredTypesMax;
  const items = listOf(discovery.items).flatMap((group): DiscoveredGroup[] => {
    const name = group?.metadata?.name ?? '';
    if ((name !== '' && !groupName.test(name)) || refused(name)) return [];
    const versions = listOf(group.versions).flatMap((version): DiscoveredVersion[] => {
      if (!label.test(String(version?.version))) return [];
      const resources = listOf(version.resources).flatMap(sanitizeResource).slice(0, left);
      left -= resources.length;
      return resources.length === 0
        ? []
        : [{ version: version.version, freshness: 'Current', resources }];
    });
    return versions.length === 0 ? [] : [{ metadata: { name }, versions }];
  });
  return { items };
}

function sanitizeResource(resource: DiscoveredResource): DiscoveredResource[] {
  if (!label.test(String(resource?.resource)) || !isKind(resource.responseKind)) return [];
  const subresources = listOf(resource.subresources)
    .slice(0, listMax)
    .filter((sub) => label.test(String(sub?.subresource)))
    .map((sub) => ({
      subresource: sub.subresource,
      ...(isKind(sub.responseKind) ? { responseKind: kindOf(sub.responseKind) } : {}),
      verbs: names(sub.verbs, verb),
    }));
  return [
    {
      resource: resource.resource,
      responseKind: kindOf(resource.responseKind),
      scope: resource.scope === 'Namespaced' ? 'Namespaced' : 'Cluster',
      singularResource: names([resource.singularResource], label)[0] ?? '',
      verbs: names(resource.verbs, verb),
      shortNames: names(resource.shortNames, label),
      categories: names(resource.categories, label),
      subresources,
    },
  ];
}

function isKind(kind: DiscoveredKind | null | undefined): kind is DiscoveredKind {
  return typeof kind?.kind === 'string' && kindName.test(kind.kind);
}

function kindOf({ group = '', version = '', kind }: DiscoveredKind): DiscoveredKind {
  return {
    group: groupName.test(group) ? group : '',
    version: label.test(version) ? version : '',
    kind,
  };
}

function names(list: readonly unknown[] | undefined, pattern: RegExp): string[] {
  return listOf(list)
    .filter((name): name is string => typeof name === 'string' && pattern.test(name))
    .slice(0, listMax);
}

function listOf<T>(list: readonly T[] | null | undefined): readonly T[] {
  return Array.isArray(list) ? list.filter((one) => one !== null && one !== undefined) : [];
}

/** The type that a discovered resource describes. */
export function typeOf(
  { group, version }: { group: string; version: string },
  resource: DiscoveredResource,
): ResourceType {
  const kind = resource.responseKind?.kind ?? '';
  return {
    ...qualified(resource.responseKind, { group, version, kind }),
    // Whatever its kind's group says, the resource is addressed by its path.
    group,
    version,
    resource: resource.resource,
    singular: resource.singularResource || kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: resource.scope === 'Namespaced',
    verbs: resource.verbs,
    shortNames: resource.shortNames ?? [],
    categories: resource.categories ?? [],
    subresources: (resource.subresources ?? []).map((sub) => ({
      ...qualified(sub.responseKind, { group, version, kind }),
      name: sub.subresource,
      verbs: sub.verbs,
    })),
  };
}

/** An empty version means: the resource's own group and version. */
function qualified(
  given: DiscoveredKind | null | undefined,
  own: { group: string; version: string; kind: string },
): { group: string; version: string; kind: string } {
  if (given === null || given === undefined) return own;
  if ((given.version ?? '') === '') return { ...own, kind: given.kind };
  return { group: given.group ?? '', version: given.version!, kind: given.kind };
}
