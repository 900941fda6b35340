/** Sends one sequence to both servers, side by side, until they differ. */
import { deepEqual } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import type { Answer, Endpoint, Request } from './endpoint.ts';
import { isLeftToMembers, normalised } from './normalise.ts';
import { type Operation, requestOf, type Sequence, type Verb } from './operations.ts';

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
}

/** The first difference, or undefined. The object is gone afterwards. */
export async function compare(options: RunOptions): Promise<Difference | undefined> {
  const { sequence } = options;
  try {
    for (const [at, operation] of sequence.operations.entries()) {
      const difference = await step(options, operation, at);
      // From here on the two have different objects.
      if (difference === 'left to members') return undefined;
      if (difference !== undefined) return difference;
    }
    return undefined;
  } finally {
    await cleanUp(options);
  }
}

/** Both requests are to fall into one second, since managers are told apart by it. */
async function awayFromFullSecond(): Promise<void> {
  const into = Date.now() % 1000;
  if (into > 940) await new Promise((resolve) => setTimeout(resolve, 1001 - into));
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
    requests.push(requestOf(sequence, operation, { name, live }));
  }
  await awayFromFullSecond();
  const theirs = await oracle.send(requests[0]!);
  const mine = await ours.send(requests[1]!);
  count(tally, operation, theirs.status);
  if (isLeftToMembers(theirs, mine)) return 'left to members';
  const untold =
    sequence.kind.kind === 'Secret' || /\$(retain|setEl)|:null/.test(requests[0]!.body ?? '');
  const [expected, actual] = [normalised(theirs, untold), normalised(mine, untold)];
  const found = firstDifference(expected, actual);
  if (found === undefined) return undefined;
  return { sequence, at, request: requests[0]!, oracle: theirs, ours: mine, ...found };
}

async function read(
  endpoint: Endpoint,
  { kind }: Sequence,
  name: string,
): Promise<JsonObject | undefined> {
  const { status, body } = await endpoint.send({
    method: 'GET',
    path: `${kind.collection}/${name}`,
  });
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
  const path = `${sequence.kind.collection}/${name}`;
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
