/** Values as they may be shown: those of Secrets and of env literals only as salted hashes. */
import { createHmac } from 'node:crypto';
import type { DriftEntry } from '../api/distribution.ts';
import { stringifyJson } from '../kube/json.ts';
import type { Json } from '../kube/object.ts';
import type { Change } from './owned.ts';
import type { Difference } from './three-way.ts';

/** Longest value shown, characters. */
const shownMax = 200;

export function driftEntry(
  difference: Difference,
  about: { kind: string; salt: string; change: Change; corrected: boolean },
): DriftEntry {
  const secret = isSecret(about.kind, difference.field);
  const show = (value: Json | undefined): string => {
    if (value === undefined) return '(absent)';
    const text = stringifyJson(value).toString();
    if (secret || /"env"|"name":.*"value":/.test(text)) return hashed(text, about.salt);
    return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
  };
  return {
    field: difference.field,
    expected: show(difference.expected),
    actual: show(difference.actual),
    manager: about.change.manager,
    time: about.change.time,
    corrected: about.corrected,
  };
}

function isSecret(kind: string, field: string): boolean {
  if (kind === 'Secret') return /^(data|stringData)\b/.test(field);
  return /\benv(\[|\b)/.test(field) || /\benvFrom\b/.test(field);
}

function hashed(text: string, salt: string): string {
  return `hash:${createHmac('sha256', salt).update(text).digest('hex').slice(0, 12)}`;
}
