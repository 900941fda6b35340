/** Who is served now and who waits: what is configured, put to use. */
import type { Clock } from '../../base/clock.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { User } from '../backend.ts';
import type { RequestInfo } from '../request.ts';
import { compileFlows, defaultFlows, type Flow, type Flows } from './flows.ts';
import { type SeatEvents, type SeatLimits, Seats } from './seats.ts';

export class Fairness {
  readonly seats: Seats;
  #flows: Flows = compileFlows(defaultFlows());

  constructor(clock: Clock, limits: Partial<SeatLimits> = {}, events?: SeatEvents) {
    this.seats = new Seats(clock, limits, events);
  }

  classify(user: User, info: RequestInfo): Flow {
    return this.#flows.classify(user, info);
  }

  /** All FlowSchemas and PriorityLevelConfigurations, from now on. */
  configure(objects: readonly KubeObject[]): void {
    this.#flows = compileFlows(objects);
    this.seats.configure(this.#flows.levels);
  }
}
