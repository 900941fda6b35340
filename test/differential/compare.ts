/** Sends one sequence to both servers, side by side, until they differ. */
import { deepEqual } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject, valueAt } from '../../src/kube/object.ts';
import type { Answer, Endpoint, Request } from './endpoint.ts';
import { isLeftToMembers, normalised } from './normalise.ts';
import {
  nameIn,
  type Operation,
  pathIn,
  requestOf,
  type Sequence,
  type Verb,
} from './operations.ts';

export interface Pair {
  readonly oracle: Endpoint;
  readonly ours: Endpoint;
}

/** Where two servers part. */
export interface Difference {
  readonly sequence: Sequence;
  /** Index of the operation. */
  readonly at: number;
  readonly request: Request;
  /** 'status 200 ≠ 422', or the path of the first value that differs. */
  readonly where: string;
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
  readonly oracle: Answer;
  readonly ours: Answer;
}

/** How often operations were sent and accepted, by verb and by type of patch. */
export type Tally = Map<string, { sent: number; accepted: number }>;

export interface RunOptions extends Pair {
  readonly sequence: Sequence;
  readonly name: string;
  readonly tally: Tally;
  /** Also watches what happened, which takes a second. */
  readonly watches?: boolean;
}

/** The first difference, or undefined. The object is gone afterwards. */
export async function compare(options: RunOptions): Promise<Difference | undefined> {
  const { sequence } = options;
  const started = options.watches ? await versions(options) : undefined;
  try {
    for (const [at, operation] of sequence.operations.entries()) {
      const difference = await step(options, operation, at);
      // From here on the two have different objects.
      if (difference === 'left to members') return undefined;
      if (difference !== undefined) return difference;
    }
    return await lookBack(options, started);
  } finally {
    await cleanUp(options);
  }
}

/** Where each server's collection is now. */
async function versions({ sequence, name, oracle, ours }: RunOptions): Promise<string[]> {
  const path = `${sequence.kind.collection.replaceAll('{name}', name)}?limit=1`;
  const answers = await Promise.all(
    [oracle, ours].map((each) => each.send({ method: 'GET', path })),
  );
  return answers.map(({ body }) => String(valueAt(body, 'metadata', 'resourceVersion')));
}

const selected = ['', '&labelSelector=tier%3Dweb', '&labelSelector=tier,zone!%3Da'];

/** What lists say of the object at the end, and watches of all that happened. */
async function lookBack(
  options: RunOptions,
  started: readonly string[] | undefined,
): Promise<Difference | undefined> {
  const { sequence, name, oracle, ours } = options;
  const collection = sequence.kind.collection.replaceAll('{name}', name);
  const one = `${collection}?fieldSelector=metadata.name%3D${nameIn(sequence, name)}`;
  const asked = selected.map((more) => [one + more, one + more]);
  if (started !== undefined)
    for (const more of selected.slice(0, 2))
      asked.push(started.map((v) => `${one}${more}&watch=1&timeoutSeconds=1&resourceVersion=${v}`));
  const found = await Promise.all(
    asked.map(async ([theirs, mine]) => {
      const request: Request = { method: 'GET', path: theirs! };
      const [expected, actual] = await Promise.all([
        oracle.send(request),
        ours.send({ ...request, path: mine! }),
      ]);
      return differenceOf({ sequence, at: sequence.operations.length, request }, expected, actual);
    }),
  );
  return found.find((each) => each !== undefined);
}

/** What two answers do not have in common. */
export function differenceOf(
  about: Pick<Difference, 'sequence' | 'at' | 'request'>,
  theirs: Answer,
  mine: Answer,
): Difference | undefined {
  const found = firstDifference(normalised(theirs), normalised(mine));
  return found && { ...about, oracle: theirs, ours: mine, ...found };
}

/** Both requests are to fall into one second, since managers are told apart by it. */
async function awayFromFullSecond(): Promise<void> {
  const into = Date.now() % 1000;
  if (into > 900) await new Promise((resolve) => setTimeout(resolve, 1001 - into));
}

async function step(
  { sequence, oracle, ours, name, tally }: RunOptions,
  operation: Operation,
  at: number,
): Promise<Difference | 'left to members' | undefined> {
  const needsLive = operation.verb === 'update' || operation.verb === 'status';
  const requests: Request[] = [];
  for (const endpoint of [oracle, ours]) {
    const live = needsLive ? await read(endpoint, sequence, name) : undefined;
    requests.push(requestOf(sequence, operation, { run: name, live }));
  }
  await awayFromFullSecond();
  const [theirs, mine] = await Promise.all([oracle.send(requests[0]!), ours.send(requests[1]!)]);
  count(tally, operation, theirs.status);
  // What a custom object may hold is judged here.
  if (!sequence.kind.custom && isLeftToMembers(theirs, mine)) return 'left to members';
  const untold =
    sequence.kind.kind === 'Secret' ||
    /\$(retain|setEl)|:null/.test(String(requests[0]!.body ?? ''));
  const [expected, actual] = [normalised(theirs, untold), normalised(mine, untold)];
  const found = firstDifference(expected, actual);
  if (found === undefined) return undefined;
  return { sequence, at, request: requests[0]!, oracle: theirs, ours: mine, ...found };
}

async function read(
  endpoint: Endpoint,
  sequence: Sequence,
  name: string,
): Promise<JsonObject | undefined> {
  const path = pathIn(sequence, name);
  const { status, body } = await endpoint.send({ method: 'GET', path });
  return status === 200 && isObject(body) ? body : undefined;
}

function count(tally: Tally, { verb, method }: Operation, status: number): void {
  const label: Verb | string = verb === 'status' || verb === 'scale' ? `${verb} ${method}` : verb;
  const entry = tally.get(label) ?? { sent: 0, accepted: 0 };
  tally.set(label, entry);
  entry.sent++;
  if (status < 300) entry.accepted++;
}

async function cleanUp({ sequence, oracle, ours, name }: RunOptions): Promise<void> {
  const path = pathIn(sequence, name);
  const body = '[{"op":"add","path":"/metadata/finalizers","value":[]}]';
  const contentType = 'application/json-patch+json';
  for (const endpoint of [oracle, ours]) {
    await endpoint.send({ method: 'PATCH', path, contentType, body });
    await endpoint.send({ method: 'DELETE', path });
  }
}

type Found = Pick<Difference, 'where' | 'expected' | 'actual'>;

export function firstDifference(
  oracle: Omit<Answer, 'bytes'>,
  ours: Omit<Answer, 'bytes'>,
): Found | undefined {
  if (oracle.status !== ours.status) {
    const [expected, actual] = [oracle, ours].map(({ body }) =>
      isObject(body) ? body.message : '',
    );
    return { where: `status ${oracle.status} ≠ ${ours.status}`, expected, actual };
  }
  const body = inValue(oracle.body, ours.body, '');
  if (body !== undefined) return body;
  if (deepEqual(oracle.warnings, ours.warnings)) return undefined;
  return { where: 'warnings', expected: [...oracle.warnings], actual: [...ours.warnings] };
}

function inValue(
  expected: Json | undefined,
  actual: Json | undefined,
  path: string,
): Found | undefined {
  if (deepEqual(expected, actual)) return undefined;
  if (isObject(expected) && isObject(actual)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const found = inValue(expected[name], actual[name], `${path}.${name}`);
      if (found !== undefined) return found;
    }
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length)
    for (let i = 0; i < expected.length; i++) {
      const found = inValue(expected[i], actual[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
  return { where: path, expected, actual };
}
