/**
 * /openapi/v3 and /openapi/v2: members' documents to the byte wherever one of them tells
 * everything.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { encodeJson } from '../kube/json.ts';
import { ApiError } from '../kube/status.ts';
import type { RequestContext } from './backend.ts';
import { documentPath } from './catalog/union.ts';
import type { Catalog } from './catalog.ts';
import { acceptsGzip } from './compression.ts';
import { Swagger, type SwaggerForm } from './swagger.ts';
import type { ApiRequest, ApiResponse } from './types.ts';
import type { NonResource } from './types-source.ts';

const root = '/openapi/v3';
/**
 * Go's mime package takes no @ in what it reads, so that the answer is named otherwise than asked.
 */
const gnosticV2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const askedAs = [gnosticV2, 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'];
/** A year: a document with its hash in the path never changes. */
const immutable = 'public, immutable, max-age=31536000';

export class OpenApi implements NonResource {
  readonly #catalog: Catalog;
  readonly #swagger: Swagger;
  #root: { readonly bytes: Buffer; readonly etag: string } | undefined;

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog;
    this.#swagger = new Swagger(catalog, clock);
    catalog.onChange(() => {
      this.#root = undefined;
    });
  }

  handle(
    _context: RequestContext,
    request: ApiRequest,
  ): Promise<ApiResponse> | ApiResponse | undefined {
    const [path = '', query = ''] = request.path.split('?', 2);
    if (path === '/openapi/v2') return this.#v2(request);
    if (path === root || path === `${root}/`) return this.#index(request);
    if (path.startsWith(`${root}/`))
      return this.#document(request, path.slice(root.length + 1), query);
    return undefined;
  }

  #index(request: ApiRequest): ApiResponse {
    if (this.#root === undefined) {
      const paths: Record<string, { serverRelativeURL: string }> = {};
      for (const { versions } of this.#catalog.groups)
        for (const version of versions) {
          const path = documentPath(version);
          const hash = this.#hash(path);
          if (hash !== undefined)
            paths[path] = { serverRelativeURL: `${root}/${path}?hash=${hash}` };
        }
      const bytes = encodeJson({ paths });
      this.#root = { bytes, etag: `"${sha(bytes)}"` };
    }
    return answer(request, { ...this.#root, contentType: 'application/json' });
  }

  #document(request: ApiRequest, path: string, query: string): ApiResponse | undefined {
    const hash = this.#hash(path);
    if (hash === undefined) return undefined;
    const asked = new URLSearchParams(query).get('hash');
    if (asked !== null && asked !== hash) {
      const location = `${root}/${path}?hash=${hash}`;
      return { status: 301, headers: { location }, body: Buffer.alloc(0) };
    }
    if (!accepts(request, 'application/json')) throw notAcceptable();
    const etag = `"${hash}"`;
    const caching: Record<string, string> = asked === null ? {} : { 'cache-control': immutable };
    if (request.headers['if-none-match'] === etag)
      return { status: 304, headers: { etag, ...caching }, body: Buffer.alloc(0) };
    const body = this.#catalog.document(path);
    if (body === undefined) return undefined;
    return { status: 200, headers: { 'content-type': 'application/json', etag, ...caching }, body };
  }

  #hash(path: string): string | undefined {
    const hash = this.#catalog.documentHash(path);
    if (hash === undefined) return undefined;
    return (hash.includes('-') ? sha(Buffer.from(hash)) : hash).toUpperCase();
  }

  async #v2(request: ApiRequest): Promise<ApiResponse> {
    for (const range of rangesOf(request)) {
      if (askedAs.includes(range)) return this.#swaggerAs(request, 'protobuf', gnosticV2);
      if (covers(range, 'application/json'))
        return this.#swaggerAs(request, 'json', 'application/json');
    }
    throw notAcceptable();
  }

  async #swaggerAs(
    request: ApiRequest,
    form: SwaggerForm,
    contentType: string,
  ): Promise<ApiResponse> {
    const { packed, plain, etag, modified } = await this.#swagger.document(form);
    const lastModified = new Date(modified).toUTCString();
    const headers = {
      ...{ 'content-type': contentType, etag, vary: 'Accept', 'last-modified': lastModified },
    };
    const { 'if-none-match': known, 'if-modified-since': since } = request.headers;
    const fresh =
      known === undefined
        ? Date.parse(String(since)) >= Date.parse(lastModified)
        : known === etag || known === '*';
    if (fresh) return { status: 304, headers, body: Buffer.alloc(0) };
    if (!acceptsGzip(request.headers['accept-encoding']))
      return { status: 200, headers, body: plain() };
    const vary = 'Accept, Accept-Encoding';
    const packedHeaders = { ...headers, vary, 'content-encoding': 'gzip' };
    return { status: 200, headers: packedHeaders, body: packed };
  }
}

function answer(
  request: ApiRequest,
  { bytes, etag, contentType }: { bytes: Buffer; etag: string; contentType: string },
): ApiResponse {
  const headers = { 'content-type': contentType, etag, vary: 'Accept' };
  if (request.headers['if-none-match'] === etag)
    return { status: 304, headers, body: Buffer.alloc(0) };
  return { status: 200, headers, body: bytes };
}

function accepts(request: ApiRequest, type: string): boolean {
  return rangesOf(request).some((range) => covers(range, type));
}

function rangesOf(request: ApiRequest): string[] {
  const accept = request.headers['accept'] ?? '*/*';
  return accept.split(',').map((range) => range.split(';', 1)[0]!.trim());
}

function covers(range: string, type: string): boolean {
  return range === type || range === '*/*' || range === 'application/*';
}

function notAcceptable(): ApiError {
  return new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json',
    {
      details: {},
    },
  );
}

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').toUpperCase();
}
