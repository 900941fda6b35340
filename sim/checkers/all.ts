/** Every checker, by its number. */
import type { Checker } from './checker.ts';
import { strangers } from './i1-strangers.ts';
import { sums } from './i2-sums.ts';
import { deletions } from './i3-deletions.ts';
import { convergence } from './i4-convergence.ts';
import { storedFirst } from './i5-decisions.ts';
import { acknowledged } from './i6-acknowledged.ts';
import { preconditions } from './i7-preconditions.ts';

/** New ones for each fleet: they remember what they saw. */
export function allCheckers(): Checker[] {
  return [
    strangers(),
    sums(),
    deletions(),
    convergence(),
    storedFirst(),
    acknowledged(),
    preconditions(),
  ];
}
