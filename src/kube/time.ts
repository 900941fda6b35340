/** Times as Kubernetes writes them: RFC 3339 in UTC, in whole seconds or in microseconds. */
import type { Clock } from '../base/clock.ts';

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * A moment with microseconds, which a double of milliseconds since the epoch could not hold for
 * ever.
 */
export interface Moment {
  /** Whole seconds since the Unix epoch. */
  readonly seconds: number;
  /** 0 to 999999. */
  readonly micros: number;
}

/** metadata.creationTimestamp and its like: now, in whole seconds. */
export function timestamp(clock: Clock): string {
  return formatTime(clock.now());
}

/** Events, Leases: now, in microseconds. */
export function microTimestamp(clock: Clock): string {
  return formatMicroTime(clock.now());
}

/** `2026-11-23T08:50:00Z` of milliseconds since the epoch; fractions of a second are cut off. */
export function formatTime(ms: number): string {
  return formatMoment({ seconds: Math.floor(ms / 1000), micros: 0 });
}

/** `2026-11-23T08:50:00.123000Z` of milliseconds since the epoch. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const seconds = Math.floor(micros / 1e6);
  return formatMicroMoment({ seconds, micros: micros - seconds * 1e6 });
}

/** Whole seconds, as metav1.Time is written. */
export function formatMoment({ seconds }: Moment): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, -5)}Z`;
}

/** Six digits of a second, as metav1.MicroTime is written. */
export function formatMicroMoment({ seconds, micros }: Moment): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, -5)}.${String(micros).padStart(6, '0')}Z`;
}

/**
 * A time in RFC 3339 with any offset and any number of decimals (cut to microseconds), or
 * undefined.
 */
export function parseMoment(text: string): Moment | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offHour, offMinute] = match;
  const parts = [hour, minute, second, offHour ?? '0', offMinute ?? '0'].map(Number);
  const [h, m, s, oh, om] = parts as [number, number, number, number, number];
  if (h > 23 || m > 59 || s > 59 || oh > 24 || om > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day))
    return undefined;
  const offset = (oh * 3600 + om * 60) * (sign === '-' ? -1 : 1);
  const seconds = date.getTime() / 1000 + h * 3600 + m * 60 + s - offset;
  return { seconds, micros: Number(fraction.slice(0, 6).padEnd(6, '0')) };
}

/**
 * Milliseconds since the epoch of a time in RFC 3339 (microseconds as a fraction), or undefined.
 */
export function parseTime(text: string): number | undefined {
  const moment = parseMoment(text);
  return moment === undefined ? undefined : moment.seconds * 1000 + moment.micros / 1000;
}
