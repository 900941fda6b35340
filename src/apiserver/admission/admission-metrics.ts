/** What admission took, and what policies found, as numbers under kube-apiserver's names. */
import type { Clock } from '../../base/clock.ts';
import type { Family, Histogram, Metrics, Value } from '../../base/metrics.ts';

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #steps: Family<Histogram>;
  readonly #checks: Family<Value>;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#steps = metrics.histogram(
      'apiserver_admission_step_admission_duration_seconds',
      'Seconds that one step of admission took.',
      { labels: ['operation', 'rejected', 'type'], bounds },
    );
    this.#checks = metrics.counter(
      'apiserver_validating_admission_policy_check_total',
      'What ValidatingAdmissionPolicies objected to, by what came of it.',
      ['enforcement_action', 'error_type', 'policy', 'policy_binding'],
    );
  }

  /** Runs a step. @throws what it throws */
  async step<T>(operation: string, type: 'admit' | 'validate', run: () => Promise<T>): Promise<T> {
    const startedAt = this.#clock.monotonic();
    let rejected = true;
    try {
      const result = await run();
      rejected = false;
      return result;
    } finally {
      const seconds = (this.#clock.monotonic() - startedAt) / 1000;
      this.#steps.of(operation, `${rejected}`, type).observe(seconds);
    }
  }

  objected(policy: string, binding: string, action: string): void {
    this.#checks.of(action.toLowerCase(), 'no_error', policy, binding).add();
  }
}
