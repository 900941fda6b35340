/** What one process counts of itself, and where it can be read. */
import { Fairness } from '../apiserver/fairness/fairness.ts';
import type { SeatLimits } from '../apiserver/fairness/seats.ts';
import { RequestMetrics, seatMetrics } from '../apiserver/request-metrics.ts';
import type { Observer } from '../apiserver/trace.ts';
import type { Clock } from '../base/clock.ts';
import { Metrics } from '../base/metrics.ts';
import { processMetrics } from '../base/process-metrics.ts';
import { MemberMetrics } from '../members/member-metrics.ts';
import type { Units } from '../propagation/unit.ts';
import { QueueMetrics } from '../reconcile/queue-metrics.ts';

export interface TelemetryOptions {
  readonly clock: Clock;
  readonly seats?: Partial<SeatLimits>;
  /** Of the program. */
  readonly version?: string;
}

export class Telemetry {
  readonly metrics = new Metrics();
  readonly fairness: Fairness;
  readonly requests: Observer;
  readonly members: MemberMetrics;
  readonly queues: QueueMetrics;
  readonly #stop: () => void;

  constructor({ clock, seats, version = '' }: TelemetryOptions) {
    const { metrics } = this;
    this.#stop = processMetrics(metrics, clock.now());
    const build = metrics.gauge('ubernetes_build_info', 'Always 1.', ['version', 'node']);
    build.of(version, process.version).set(1);
    this.requests = new RequestMetrics(metrics, clock);
    const waiting = seatMetrics(metrics);
    this.fairness = new Fairness(clock, seats, waiting.events);
    waiting.follow(this.fairness.seats);
    this.members = new MemberMetrics(metrics, clock);
    this.queues = new QueueMetrics(metrics);
  }

  /** Copies per cluster at every reading. */
  follow(units: Units): void {
    const gauge = (name: string, help: string, labels: string[]) =>
      this.metrics.gauge(`ubernetes_${name}`, help, labels);
    const objects = gauge('propagated_objects', 'Names that have or had a copy.', []).of();
    const copies = gauge('member_copies', 'Copies that stand in the member.', ['cluster']);
    const drifted = gauge('member_copies_drifted', 'Copies with a recorded change of others.', [
      'cluster',
    ]);
    const troubled = gauge('member_copies_problems', 'Copies that are not as they should be.', [
      'cluster',
      'reason',
    ]);
    this.metrics.collect(() => {
      for (const family of [copies, drifted, troubled]) family.clear();
      let count = 0;
      for (const unit of units.all()) {
        count++;
        for (const copy of unit.copies.values()) {
          if (copy.live !== undefined) copies.of(copy.cluster).add();
          if (copy.drift.length > 0) drifted.of(copy.cluster).add();
          if (copy.problem !== undefined) troubled.of(copy.cluster, copy.problem.reason).add();
        }
      }
      objects.set(count);
    });
  }

  stop(): void {
    this.#stop();
  }
}
