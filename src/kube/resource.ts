/** What the catalog knows of one served type, and the paths it is served under. */

export interface GroupVersionKind {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Subresource extends GroupVersionKind {
  /**
   * 'status', 'scale', 'token', 'eviction' … ; its kind may be of another group (scale:
   * autoscaling/v1 Scale).
   */
  readonly name: string;
  readonly verbs: readonly string[];
}

export interface ResourceType extends GroupVersionKind {
  /** Lower-case plural, as in the path. */
  readonly resource: string;
  readonly singular: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly Subresource[];
}

/** 'v1' or 'apps/v1'. */
export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The inverse of apiVersionOf. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** 'deployments.apps' or 'pods': how a type is named to people and in keys. */
export function groupResource(type: { readonly group: string; readonly resource: string }): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

export interface PathParts {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** The request path of a collection, an object or a subresource. */
export function pathOf(parts: PathParts): string {
  const root =
    parts.group === '' ? `/api/${parts.version}` : `/apis/${parts.group}/${parts.version}`;
  const namespace = parts.namespace ? `/namespaces/${encodeURIComponent(parts.namespace)}` : '';
  const name = parts.name === undefined ? '' : `/${encodeURIComponent(parts.name)}`;
  const subresource = parts.subresource === undefined ? '' : `/${parts.subresource}`;
  return `${root}${namespace}/${parts.resource}${name}${subresource}`;
}
