/**
 * Where others find the keys of our service accounts' tokens: OpenID discovery and the key set, as
 * kube-apiserver publishes them.
 */
import type { KeyObject } from 'node:crypto';
import type { RequestContext } from '../backend.ts';
import type { ApiRequest, ApiResponse } from '../types.ts';
import type { NonResource } from '../types-source.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const keysPath = '/openid/v1/jwks';

export class IssuerDocuments implements NonResource {
  readonly #tokens: ServiceAccountTokens;
  readonly #url: () => string;

  /** `url`: this server as others reach it. */
  constructor(tokens: ServiceAccountTokens, url: () => string) {
    this.#tokens = tokens;
    this.#url = url;
  }

  handle(_context: RequestContext, { method, path }: ApiRequest): ApiResponse | undefined {
    if (method !== 'GET') return undefined;
    switch (path.split('?', 1)[0]) {
      case '/.well-known/openid-configuration':
        return document('application/json', {
          issuer: this.#tokens.issuer,
          jwks_uri: this.#url() + keysPath,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        });
      case keysPath:
        return document('application/jwk-set+json', {
          keys: [...this.#tokens.publicKeys].map(([kid, key]) => jsonWebKey(kid, key)),
        });
      default:
        return undefined;
    }
  }
}

function jsonWebKey(kid: string, key: KeyObject): object {
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  return { use: 'sig', kty, kid, crv, alg: 'ES256', x, y };
}

function document(type: string, content: object): ApiResponse {
  const headers = { 'content-type': type, 'cache-control': 'public, max-age=3600' };
  return { status: 200, headers, body: Buffer.from(JSON.stringify(content)) };
}
