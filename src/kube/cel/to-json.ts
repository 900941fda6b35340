/** Values of expressions as JSON, for patches that expressions make. */

import { setField } from '../json.ts';
import type { Json, JsonObject } from '../object.ts';
import { formatDuration, formatTimestamp } from './time.ts';
import {
  CelMap,
  Duration,
  EvaluationError,
  isList,
  Optional,
  Timestamp,
  typeName,
  Uint,
  type Value,
} from './values.ts';

/** @throws EvaluationError for what JSON has no form of */
export function toJson(value: Value): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return plainInteger(value);
  if (value instanceof Uint) return plainInteger(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp) return formatTimestamp(value.nanos);
  if (value instanceof Duration) return formatDuration(value.nanos);
  if (isList(value)) return value.map(toJson);
  if (value instanceof Optional && value.value !== undefined) return toJson(value.value);
  if (!(value instanceof CelMap))
    throw new EvaluationError(`type '${typeName(value)}' could not marshal to JSON`);
  const out: JsonObject = {};
  for (const key of value.keys()) setField(out, String(toJson(key)), toJson(value.get(key)!));
  return out;
}

function plainInteger(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
