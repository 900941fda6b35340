/** Calls of webhooks as numbers, under kube-apiserver's names. */
import type { Clock } from '../../base/clock.ts';
import type { Family, Histogram, Metrics, Value } from '../../base/metrics.ts';
import type { ApiError } from '../../kube/status.ts';
import type { Attributes } from './attributes.ts';
import type { Hook } from './hooks.ts';
import { HookFailure } from './webhook-calls.ts';

/** What a webhook refuses with, if it does. @throws HookFailure, or ApiError of ours */
type Ask = () => Promise<ApiError | undefined>;

export interface Counted {
  readonly hook: Hook;
  readonly attributes: Attributes;
  readonly step: 'admit' | 'validating';
}

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export class WebhookMetrics {
  readonly #clock: Clock;
  readonly #seconds: Family<Histogram>;
  readonly #requests: Family<Value>;
  readonly #rejections: Family<Value>;
  readonly #failedOpen: Family<Value>;

  constructor(metrics: Metrics, clock: Clock) {
    const prefix = 'apiserver_admission_webhook';
    this.#clock = clock;
    this.#seconds = metrics.histogram(
      `${prefix}_admission_duration_seconds`,
      'Seconds that a webhook took.',
      { labels: ['name', 'type', 'operation', 'rejected'], bounds },
    );
    this.#requests = metrics.counter(`${prefix}_request_total`, 'Calls of webhooks.', [
      ...['name', 'type', 'operation', 'code', 'rejected'],
    ]);
    this.#rejections = metrics.counter(`${prefix}_rejection_count`, 'Refusals by webhooks.', [
      ...['name', 'type', 'operation', 'error_type', 'rejection_code'],
    ]);
    this.#failedOpen = metrics.counter(
      `${prefix}_fail_open_count`,
      'Failed calls that refused nothing.',
      ['name', 'type'],
    );
  }

  /** Runs a call and counts what came of it. @throws the refusal that `ask` gives, or its error */
  async count({ hook, attributes, step }: Counted, ask: Ask): Promise<void> {
    const startedAt = this.#clock.monotonic();
    const { name } = hook;
    const { operation } = attributes;
    const ended = (code: number, rejected: boolean): void => {
      const seconds = (this.#clock.monotonic() - startedAt) / 1000;
      this.#seconds.of(name, step, operation, `${rejected}`).observe(seconds);
      this.#requests.of(name, step, operation, `${code}`, `${rejected}`).add();
    };
    const refused = (kind: string, code: number): void => {
      this.#rejections.of(name, step, operation, kind, `${code}`).add();
      ended(code, true);
    };
    let denial: ApiError | undefined;
    try {
      denial = await ask();
    } catch (error) {
      if (!(error instanceof HookFailure)) refused('apiserver_internal_error', 0);
      else if (!hook.ignoreFailures) refused('calling_webhook_error', error.code);
      else {
        this.#failedOpen.of(name, step).add();
        ended(error.code, false);
      }
      throw error;
    }
    if (denial === undefined) return ended(200, false);
    refused('no_error', denial.status.code ?? 0);
    throw denial;
  }
}

/** As `count`, where nobody counts. */
export async function counted(
  metrics: WebhookMetrics | undefined,
  call: Counted,
  ask: Ask,
): Promise<void> {
  if (metrics !== undefined) return metrics.count(call, ask);
  const denial = await ask();
  if (denial !== undefined) throw denial;
}
