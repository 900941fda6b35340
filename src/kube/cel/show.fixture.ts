/** Values as scripts/record/cel writes them, so that their types show. */
import { formatDuration, formatTimestamp } from './time.ts';
import {
  CelMap,
  Duration,
  isList,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

export function show(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return `double(${value})`;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Uint) return `${value.value}u`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`;
  if (value instanceof Timestamp)
    return `google.protobuf.Timestamp(${formatTimestamp(value.nanos)})`;
  if (value instanceof Duration) return `google.protobuf.Duration(${formatDuration(value.nanos)})`;
  if (value instanceof TypeValue) return `type(${value.type.name})`;
  if (value instanceof Optional)
    return value.value === undefined ? 'none' : `optional(${show(value.value)})`;
  if (isList(value)) return `[${value.map(show).join(',')}]`;
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key) => `${show(key)}:${show(value.get(key)!)}`);
    return `{${entries.sort().join(',')}}`;
  }
  const text = String(value);
  return text === '[object Object]' || value.type.name === 'kubernetes.Quantity'
    ? value.type.name
    : `${value.type.name}(${text})`;
}
