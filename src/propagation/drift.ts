/**
 * Notes what a write did to a copy: the member's answer becomes the baseline, what it undid becomes
 * the record of drift.
 */
import type { Clock } from '../base/clock.ts';
import type { Json, KubeObject } from '../kube/object.ts';
import type { Copy } from './copy.ts';
import { lastChange } from './owned.ts';
import { driftEntry } from './redact.ts';
import type { Rendering } from './render.ts';
import { type Difference, differences, equal, type ListKeys } from './three-way.ts';

/** Entries kept per copy. */
const driftKept = 10;
/**
 * Corrections that are made at once; then the waits double from the first to the longest,
 * milliseconds.
 */
const freeCorrections = 3;
const firstWaitMs = 10_000;
const longestWaitMs = 600_000;

/**
 * How long a correction has to wait so that two controllers do not fight over a field for ever,
 * milliseconds.
 */
export function correctionDelay(copy: Copy, monotonicMs: number): number {
  if (copy.corrections < freeCorrections) return 0;
  const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** (copy.corrections - freeCorrections));
  const waited = monotonicMs - copy.correctedAt;
  if (waited > 10 * wait) copy.corrections = 0;
  return Math.max(0, wait - waited);
}

export interface Correction {
  readonly copy: Copy;
  readonly before: KubeObject;
  readonly after: KubeObject;
  readonly drift: readonly Difference[];
  readonly kind: string;
  readonly salt: string;
  readonly clock: Clock;
}

/**
 * Records what a patch undid. What the member kept as it was had not drifted: the member alters it
 * on every write.
 */
export function noteCorrection({
  copy,
  before,
  after,
  drift,
  kind,
  salt,
  clock,
}: Correction): void {
  if (drift.length === 0 || before.metadata.resourceVersion === after.metadata.resourceVersion)
    return;
  if (equal(content(before), content(after)) && sameMetadata(before, after)) return;
  count(copy, clock);
  const change = lastChange(before);
  const entries = drift.map((difference) =>
    driftEntry(difference, { kind, salt, change, corrected: true }),
  );
  copy.drift = [...entries, ...copy.drift].slice(0, driftKept);
}

/** One more correction, in a row with the others unless the last was long ago. */
function count(copy: Copy, clock: Clock): void {
  const now = clock.monotonic();
  copy.corrections = now - copy.correctedAt > longestWaitMs ? 1 : copy.corrections + 1;
  copy.correctedAt = now;
}

/** All that a template says, whatever its kind calls it. */
function content({ metadata: _metadata, status: _status, ...rest }: KubeObject): object {
  return rest;
}

/** A copy that somebody deleted is drift too: recorded, and counted, when it is made again. */
export function noteRecreated(copy: Copy, clock: Clock): void {
  count(copy, clock);
  const time = new Date(clock.now()).toISOString();
  const entry = {
    field: '',
    expected: 'present',
    actual: 'deleted',
    manager: 'unknown',
    time,
    corrected: true,
  };
  copy.drift = [entry, ...copy.drift].slice(0, driftKept);
}

function sameMetadata(a: KubeObject, b: KubeObject): boolean {
  return (
    equal(a.metadata.labels, b.metadata.labels) &&
    equal(a.metadata.annotations, b.metadata.annotations)
  );
}

export function noteWritten(write: {
  readonly copy: Copy;
  readonly rendering: Rendering;
  readonly response: KubeObject;
  readonly listKeys: ListKeys;
}): void {
  const { copy, rendering, response, listKeys } = write;
  const rendered = rendering.object as unknown as Json;
  copy.written = rendering;
  copy.baseline = response;
  const altered = differences(
    { rendered, baseline: rendered, live: response as unknown as Json },
    listKeys,
  );
  copy.altered = altered.map((difference) => difference.field);
}
