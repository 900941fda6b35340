/** /version: what clients compare their own version with. */
import { encodeJson } from '../kube/json.ts';
import type { RequestContext } from './backend.ts';
import type { ApiRequest, ApiResponse } from './types.ts';
import type { NonResource } from './types-source.ts';

export class Version implements NonResource {
  readonly #bytes: Buffer;

  /** @param gitVersion A semantic version: 'v1.37.2+ubernetes.0.1.0'. */
  constructor(gitVersion: string) {
    const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(gitVersion) ?? [];
    this.#bytes = encodeJson({
      major,
      minor,
      gitVersion,
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '1970-01-01T00:00:00Z',
      goVersion: '',
      compiler: 'node',
      platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    });
  }

  handle(_context: RequestContext, request: ApiRequest): ApiResponse | undefined {
    if ((request.path.split('?', 1)[0] ?? '').replace(/\/$/, '') !== '/version') return undefined;
    return { status: 200, headers: { 'content-type': 'application/json' }, body: this.#bytes };
  }
}
