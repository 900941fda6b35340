/** Timestamps and durations in nanoseconds, read and written as Go does. */

const second = 1_000_000_000n;
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3600n * second,
};
const parts = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;
const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

export const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n } as const;
/** 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z */
export const timestamps = {
  min: -62_135_596_800n * second,
  max: 253_402_300_800n * second - 1n,
} as const;

/** Nanoseconds of RFC 3339 or of Go's 1h30m; undefined when the text is neither. */
export function parseNanos(kind: 'timestamp' | 'duration', text: string): bigint | undefined {
  return kind === 'timestamp' ? parseTimestamp(text) : parseDuration(text);
}

/** As fields of the formats date and date-time are read. */
export function parseField(kind: 'timestamp' | 'duration', text: string): bigint | undefined {
  const date = kind === 'timestamp' && /^\d{4}-\d\d-\d\d$/.test(text);
  return parseNanos(kind, date ? `${text}T00:00:00Z` : text);
}

function parseDuration(text: string): bigint | undefined {
  const negative = text.startsWith('-');
  const body = /^[+-]/.test(text) ? text.slice(1) : text;
  if (body === '0') return 0n;
  if (body === '') return undefined;
  let nanos = 0n;
  let end = 0;
  parts.lastIndex = 0;
  for (let found = parts.exec(body); found !== null; found = parts.exec(body)) {
    const [whole = '', fraction = ''] = found[1]!.split('.');
    const unit = units[found[2]!]!;
    nanos += BigInt(whole === '' ? '0' : whole) * unit;
    if (fraction !== '') nanos += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
    end = parts.lastIndex;
  }
  if (end !== body.length) return undefined;
  const signed = negative ? -nanos : nanos;
  return signed < int64.min || signed > int64.max ? undefined : signed;
}

function parseTimestamp(text: string): bigint | undefined {
  const found = rfc3339.exec(text);
  if (found === null) return undefined;
  const [year, month, day, hour, minute, sec] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (month < 1 || month > 12 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || sec > 59) return undefined;
  const [offsetHours, offsetMinutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = (offsetHours * 3600 + offsetMinutes * 60) * (found[8] === '-' ? -1 : 1);
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + sec - offset;
  const fraction = BigInt((found[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const nanos = BigInt(seconds) * second + fraction;
  return nanos < timestamps.min || nanos > timestamps.max ? undefined : nanos;
}

/** `1h0m0s` is not how CEL writes it: always seconds, `3600s`, `0.5s`. */
export function formatDuration(nanos: bigint): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  const fraction = fractionOf(magnitude % second);
  return `${nanos < 0n ? '-' : ''}${magnitude / second}${fraction}s`;
}

export function formatTimestamp(nanos: bigint): string {
  const [seconds, rest] = floorDivide(nanos, second);
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}${fractionOf(rest)}Z`;
}

function fractionOf(nanos: bigint): string {
  return nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

/** Quotient rounded down, and what is left. */
export function floorDivide(value: bigint, by: bigint): [bigint, bigint] {
  const rest = ((value % by) + by) % by;
  return [(value - rest) / by, rest];
}

/** The date in a zone (`America/New_York`, `+02:00`); undefined for a zone that nobody knows. */
export function inZone(nanos: bigint, zone: string): Date | undefined {
  const ms = Number(floorDivide(nanos, 1_000_000n)[0]);
  if (zone === 'UTC' || zone === '') return new Date(ms);
  const fixed = /^([+-])?(\d\d?):(\d\d)$/.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    return new Date(ms + minutes * 60_000 * (fixed[1] === '-' ? -1 : 1));
  }
  try {
    return new Date(localTime(ms, zone));
  } catch {
    return undefined;
  }
}

/** The clock on the wall there, as if it were UTC. */
function localTime(ms: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const [year, month, day] = [part.year, part.month, part.day].map(Number);
  const [hour, minute, sec] = [part.hour, part.minute, part.second].map(Number);
  const wall = Date.UTC(year!, month! - 1, day!, hour!, minute!, sec!);
  return wall + (((ms % 1000) + 1000) % 1000);
}
