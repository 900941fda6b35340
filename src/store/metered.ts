/** A store that counts what is done with it; all else is the store's own. */
import type { Clock } from '../base/clock.ts';
import { exponential, type Metrics } from '../base/metrics.ts';
import type { Operation, RangeRequest, Store, WatchOptions } from './store.ts';

export function meteredStore(store: Store, metrics: Metrics, clock: Clock): Store {
  const bounds = exponential(0.0001, 2, 16);
  const seconds = metrics.histogram(
    'ubernetes_store_request_duration_seconds',
    'Seconds of requests to the store; a commit ends when it is on disk.',
    { labels: ['operation'], bounds },
  );
  const operations = metrics.counter('ubernetes_store_operations_total', 'Keys written.').of();
  const failed = metrics.counter('ubernetes_store_errors_total', 'Requests that failed.', [
    'operation',
    'error',
  ]);
  const revision = metrics.gauge('ubernetes_store_revision', 'The newest revision.').of();
  const compacted = metrics.gauge('ubernetes_store_compacted_revision', 'Start of history.').of();
  metrics.collect(() => {
    revision.set(store.revision);
    compacted.set(store.compacted);
  });
  const timed = async <T>(operation: string, run: () => Promise<T>): Promise<T> => {
    const start = clock.monotonic();
    try {
      return await run();
    } catch (error) {
      failed.of(operation, error instanceof Error ? error.name : 'unknown').add();
      throw error;
    } finally {
      seconds.of(operation).observe((clock.monotonic() - start) / 1000);
    }
  };
  return {
    get revision() {
      return store.revision;
    },
    get compacted() {
      return store.compacted;
    },
    get: (key) => timed('get', () => store.get(key)),
    range: (request: RangeRequest) => timed('range', () => store.range(request)),
    commit: (wanted: readonly Operation[]) => {
      operations.add(wanted.length);
      return timed('commit', () => store.commit(wanted));
    },
    watch: (options: WatchOptions) => store.watch(options),
    subscribe: (listener) => store.subscribe(listener),
    compact: (until) => timed('compact', () => store.compact(until)),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    renewLease: (lease) => store.renewLease(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    close: () => store.close(),
  };
}
