/** Work queues as numbers, under the names that Kubernetes' controllers have for them. */
import { exponential, type Histogram, type Metrics, type Value } from '../base/metrics.ts';

/** The series of one queue. */
export interface QueueSeries {
  readonly adds: Value;
  readonly retries: Value;
  /** Seconds that keys waited. */
  readonly waited: Histogram;
  /** Seconds that reconciliations took. */
  readonly worked: Histogram;
}

export class QueueMetrics {
  readonly #adds;
  readonly #retries;
  readonly #waited;
  readonly #worked;
  readonly #depths = new Map<string, () => number>();

  constructor(metrics: Metrics) {
    const labels = ['name'];
    const bounds = exponential(1e-6, 10, 8);
    const name = (what: string): string => `workqueue_${what}`;
    this.#adds = metrics.counter(name('adds_total'), 'Keys added.', labels);
    this.#retries = metrics.counter(name('retries_total'), 'Keys tried again.', labels);
    this.#waited = metrics.histogram(name('queue_duration_seconds'), 'Wait of keys.', {
      labels,
      bounds,
    });
    this.#worked = metrics.histogram(name('work_duration_seconds'), 'Work on keys.', {
      labels,
      bounds,
    });
    const depth = metrics.gauge(name('depth'), 'Keys that wait or are worked on.', labels);
    metrics.collect(() => {
      depth.clear();
      for (const [queue, read] of this.#depths) depth.of(queue).set(read());
    });
  }

  /** The series of a queue whose depth `depth` tells. */
  add(queue: string, depth: () => number): QueueSeries {
    this.#depths.set(queue, depth);
    return {
      adds: this.#adds.of(queue),
      retries: this.#retries.of(queue),
      waited: this.#waited.of(queue),
      worked: this.#worked.of(queue),
    };
  }

  remove(queue: string): void {
    this.#depths.delete(queue);
  }
}
