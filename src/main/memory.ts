/** How the memory that this process may have is shared out among those who could fill it. */
import { getHeapStatistics } from 'node:v8';
import { Bodies } from '../apiserver/bodies.ts';
import { Budget, type BudgetOptions } from '../base/budget.ts';

export interface MemoryShares {
  /** Bodies of requests. */
  readonly bodies: Bodies;
  /** Objects that are kept of one member, out of what is for all. */
  readonly room: BudgetOptions;
  /** Answers of one member that are still under way, out of what is for all. */
  readonly answers: BudgetOptions;
}

const mebibyte = 1024 * 1024;

/** No answer of a member needs more, bytes. */
const answersMax = 64 * mebibyte;

/** Every user can send the largest body that there is. */
const bodiesMin = 16 * mebibyte;

/** Bytes that the heap may grow to: `--max-old-space-size`, or what Node makes of the machine. */
export function heapLimit(): number {
  return getHeapStatistics().heap_size_limit;
}

/**
 * An eighth of the heap for bodies, a quarter for objects of members and a quarter for their
 * answers; one member gets half of each at most, and a few MiB whatever the others take.
 */
export function memoryShares(heapBytes: number): MemoryShares {
  const quarter = heapBytes / 4;
  const most = quarter / 2;
  return {
    bodies: new Bodies(Math.max(heapBytes / 8, bodiesMin)),
    room: { most, own: 4 * mebibyte, pool: new Budget({ most: quarter }) },
    answers: {
      most: Math.min(most, answersMax),
      own: 2 * mebibyte,
      pool: new Budget({ most: quarter }),
    },
  };
}
