/** A member as far as this part speaks to one: for tests. */
import { systemNamespace } from '../api/cluster.ts';
import { answer, failure, TinyApi } from '../client/tiny-api.ts';
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.ts';

export const leases = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases`;
export const nodes = '/api/v1/nodes';
export const pods = '/api/v1/pods';

/** Answers what join and the members' controller ask, and misbehaves on request. */
export class SmallMember implements Transport {
  readonly api: TinyApi;
  uid: string;
  /** Requests get no answer, not even a refusal, until this is false again. */
  hanging = false;
  token = 'token-1';
  /** Answers every request with this status. */
  broken: number | undefined;

  constructor(uid: string) {
    this.uid = uid;
    this.api = new TinyApi([leases, nodes, pods]);
    this.api.intercept = (request) => this.#special(request);
  }

  /** As seen with a credential. */
  with(token: () => string | undefined): Transport {
    return {
      request: (request) => {
        if (token() !== this.token) return Promise.resolve(failure(401, 'Unauthorized'));
        return this.request(request);
      },
      close: async () => {},
    };
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    if (!this.hanging) return this.api.request(request);
    return new Promise((_resolve, reject) => {
      const fail = (): void => reject(new TransportError('aborted'));
      request.signal?.addEventListener('abort', fail, { once: true });
    });
  }

  async close(): Promise<void> {}

  #special({ path }: TransportRequest): TransportResponse | undefined {
    if (this.broken !== undefined) return failure(this.broken, 'InternalError');
    if (this.api.down) return undefined;
    if (path === '/readyz') return answer(200, {});
    if (path === '/version') return answer(200, { gitVersion: 'v1.37.2' });
    if (path === '/api/v1/namespaces/kube-system') {
      return answer(200, { metadata: { name: 'kube-system', uid: this.uid } });
    }
    if (path === '/api' || path === '/apis') {
      return answer(200, { kind: 'APIGroupDiscoveryList', items: [] });
    }
    if (path === '/openapi/v3') return answer(200, { paths: {} });
    return undefined;
  }
}
