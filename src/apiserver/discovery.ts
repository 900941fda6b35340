/**
 * /api, /apis and what is below: aggregated discovery and the older documents, made once per state
 * of the catalog.
 */
import { createHash } from 'node:crypto';
import { encodeJson } from '../kube/json.ts';
import { apiVersionOf } from '../kube/resource.ts';
import type { RequestContext } from './backend.ts';
import { typeOf } from './catalog/discovered.ts';
import type { UnitedGroup, UnitedVersion } from './catalog/union.ts';
import type { Catalog } from './catalog.ts';
import type { ApiRequest, ApiResponse } from './types.ts';
import type { NonResource } from './types-source.ts';

interface Form {
  readonly contentType: string;
  /** Of apidiscovery.k8s.io; undefined: the older documents. */
  readonly version: 'v2' | 'v2beta1' | undefined;
}

interface Document {
  readonly bytes: Buffer;
  readonly etag: string;
}

const plain: Form = { contentType: 'application/json', version: undefined };

export class Discovery implements NonResource {
  readonly #catalog: Catalog;
  /** By path and version of the form; emptied when the catalog changes. */
  readonly #made = new Map<string, Document | undefined>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    catalog.onChange(() => this.#made.clear());
  }

  handle(_context: RequestContext, request: ApiRequest): ApiResponse | undefined {
    const path = (request.path.split('?', 1)[0] ?? '').replace(/\/$/, '');
    const parts = path.split('/');
    if ((parts[1] !== 'api' && parts[1] !== 'apis') || parts.length > 4) return undefined;
    const aggregates = path === '/api' || path === '/apis';
    const form = aggregates ? formOf(request.headers['accept']) : plain;
    const document = this.#document(path, form);
    if (document === undefined) return undefined;
    const headers = {
      'content-type': form.contentType,
      ...(aggregates ? { etag: document.etag, vary: 'Accept' } : {}),
    };
    if (aggregates && request.headers['if-none-match'] === document.etag)
      return { status: 304, headers, body: Buffer.alloc(0) };
    return { status: 200, headers, body: document.bytes };
  }

  #document(path: string, form: Form): Document | undefined {
    const key = `${form.version ?? ''} ${path}`;
    if (this.#made.has(key)) return this.#made.get(key);
    const object =
      form.version === undefined ? this.#older(path) : this.#aggregated(path, form.version);
    // Paths that nobody serves are not remembered: there is no end of them.
    if (object === undefined) return undefined;
    const bytes = encodeJson(object);
    const etag = `"${createHash('sha256').update(bytes).digest('hex').toUpperCase()}"`;
    const document = { bytes, etag };
    this.#made.set(key, document);
    return document;
  }

  #groups(core: boolean): readonly UnitedGroup[] {
    return this.#catalog.groups.filter(({ name }) => (name === '') === core);
  }

  #aggregated(path: string, version: string): object {
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: this.#groups(path === '/api').map(({ name, versions }) => ({
        metadata: name === '' ? {} : { name },
        versions: versions.map((each) => ({
          version: each.version,
          resources: [...each.resources.values()],
          freshness: 'Current',
        })),
      })),
    };
  }

  #older(path: string): object | undefined {
    if (path === '/api')
      return {
        kind: 'APIVersions',
        versions: this.#groups(true).flatMap(({ versions }) => versions.map((v) => v.version)),
        serverAddressByClientCIDRs: [],
      };
    if (path === '/apis')
      return {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: this.#groups(false).map(groupObject),
      };
    const [, root, first = '', second] = path.split('/');
    const groupName = root === 'api' ? '' : first;
    const group = this.#catalog.groups.find(({ name }) => name === groupName);
    if (group === undefined) return undefined;
    const version = root === 'api' ? first : second;
    if (version === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(group) };
    if (root === 'api' && second !== undefined) return undefined;
    const found = group.versions.find((each) => each.version === version);
    return found && resourceList(found);
  }
}

function groupObject({ name, versions }: UnitedGroup): object {
  const all = versions.map(({ version }) => ({
    groupVersion: apiVersionOf({ group: name, version }),
    version,
  }));
  return { name, versions: all, preferredVersion: all[0] };
}

function resourceList(united: UnitedVersion): object {
  const resources = [...united.resources.values()].flatMap((discovered) => {
    const type = typeOf(united, discovered);
    const { singular: singularName, namespaced, kind, verbs, shortNames, categories } = type;
    const lists = {
      ...(shortNames.length === 0 ? {} : { shortNames }),
      ...(categories.length === 0 ? {} : { categories }),
    };
    const own = { name: type.resource, singularName, namespaced, kind, verbs, ...lists };
    return [
      own,
      ...type.subresources.map((sub) => ({
        name: `${type.resource}/${sub.name}`,
        singularName: '',
        namespaced,
        ...(apiVersionOf(sub) === apiVersionOf(united)
          ? {}
          : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ];
  });
  return {
    kind: 'APIResourceList',
    // As kube-apiserver: the core group's own list does not say it.
    ...(united.group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf(united),
    resources,
  };
}

/** The first form in an Accept header that we have. */
function formOf(accept: string | undefined): Form {
  for (const range of (accept ?? '').split(',')) {
    const [media, ...parameters] = range.split(';').map((part) => part.trim());
    if (media !== 'application/json' && media !== '*/*' && media !== 'application/*') continue;
    const given = new Map(parameters.map((p) => p.split('=', 2) as [string, string]));
    if (!given.has('as')) return plain;
    const version = given.get('v');
    const known =
      given.get('g') === 'apidiscovery.k8s.io' && given.get('as') === 'APIGroupDiscoveryList';
    if (!known || (version !== 'v2' && version !== 'v2beta1')) continue;
    const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return { contentType, version };
  }
  return plain;
}
