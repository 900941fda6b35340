/** /metrics: what the process counts, in Prometheus' text form. */
import type { Metrics } from '../base/metrics.ts';
import type { RequestContext } from './backend.ts';
import type { ApiRequest, ApiResponse } from './types.ts';
import type { NonResource } from './types-source.ts';

export class MetricsEndpoint implements NonResource {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  handle(_context: RequestContext, request: ApiRequest): ApiResponse | undefined {
    if (request.path.split('?', 1)[0] !== '/metrics') return undefined;
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
    return { status: 200, headers, body: Buffer.from(this.#metrics.render()) };
  }
}
