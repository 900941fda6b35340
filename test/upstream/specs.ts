/** Which conformance specs of Kubernetes are asked of us, and why some are not. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** The groups of upstream whose specs are about the API server. */
export const groups = ['sig-api-machinery', 'sig-auth'] as const;

/**
 * Why a spec that a real cluster of the testbed passes is not asked of the federation. This list
 * is closed: it may become shorter, never longer.
 */
export const causes = {
  'made-in-members':
    'waits for ReplicaSets or pods that controllers of a member make; the federation does not ' +
    'show them yet',
  'added-in-members':
    'expects what a built-in admission adds for one cluster, such as the volume with a token: the ' +
    'federation stores what was sent, its members add (docs/decisions/0073)',
} as const satisfies Readonly<Record<string, string>>;

export type Cause = keyof typeof causes;

/** What came of asking a real cluster of the testbed: API server, controllers, scheduler, kwok. */
export interface SpecSet {
  readonly command: string;
  readonly kubernetes: string;
  readonly date: string;
  /** The set: specs that it passes. */
  readonly passed: readonly string[];
  /** What it does not pass, with the first line of the failure. */
  readonly failed: Readonly<Record<string, string>>;
}

/** Specs of the set that are not asked of the federation, each with its cause. */
export type Exceptions = Readonly<Record<string, Cause>>;

/** What came of asking a federation. */
export interface SpecRun {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  /** Real clusters in the federation. */
  readonly members: number;
  readonly seconds: number;
  /** Seconds that each spec took. */
  readonly passed: Readonly<Record<string, number>>;
  /** First lines of the failures. */
  readonly failed: Readonly<Record<string, string>>;
}

const setFile = new URL('set.json', import.meta.url);
const exceptionsFile = new URL('exceptions.json', import.meta.url);
const runsFile = new URL('../../docs/reference/conformance.json', import.meta.url);

export function readSet(): SpecSet {
  return JSON.parse(readFileSync(setFile, 'utf8')) as SpecSet;
}

export function writeSet(set: SpecSet): void {
  writeFileSync(setFile, `${JSON.stringify(set, null, 2)}\n`);
}

export function readExceptions(): Exceptions {
  return JSON.parse(readFileSync(exceptionsFile, 'utf8')) as Exceptions;
}

/** Takes the place of the last run with as many members. */
export function writeRun(run: SpecRun): void {
  const known = existsSync(runsFile) ? (JSON.parse(readFileSync(runsFile, 'utf8')) as Runs) : [];
  const others = known.filter(({ members }) => members !== run.members);
  const runs = [...others, run].sort((a, b) => a.members - b.members);
  writeFileSync(runsFile, `${JSON.stringify(runs, null, 2)}\n`);
}

type Runs = readonly SpecRun[];
