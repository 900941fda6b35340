/** Durations on the command line. */
import { UserError } from '../base/errors.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `5m`, `1h30m` as milliseconds. @throws UserError */
export function parseDuration(text: string, flag: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) {
    throw new UserError(`${flag} ${text} is no duration`, 'use a number with a unit: 30s, 5m, 1h');
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    total += Number(amount) * units[unit!]!;
  }
  return total;
}
