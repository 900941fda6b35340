/** Sends what kubectl sent to a real kube-apiserver to another server, and compares the answers. */
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import { encodeProtobuf } from '../../src/kube/protobuf.ts';
import { firstDifference } from '../differential/compare.ts';
import type { Answer, Endpoint, Request } from '../differential/endpoint.ts';
import { normalised } from '../differential/normalise.ts';
import { bodyOf, type Exchange, filled, isWatch, learn, type Recorded } from './exchange.ts';

/**
 * Commands that lead into a running pod. No pod runs in a federation itself, which says so in other
 * words; debug adds a container to one.
 */
const onlyRefused = /^(exec|attach|cp|port-forward|debug|logs) /;

const userAgent = 'kubectl/v1.37.2';

/** What differs, a line each. */
export async function replay(server: Endpoint, commands: readonly Recorded[]): Promise<string[]> {
  const values = new Map<string, string>();
  const differences: string[] = [];
  for (const { command, exchanges } of commands)
    for (const exchange of exchanges) {
      const got = { ...(await server.send(requestOf(exchange, values))) };
      if (got.contentType.includes('protobuf')) got.body = bodyOf(got.bytes) ?? null;
      learn(exchange.answer, got.body, values);
      if (onlyRefused.test(command)) continue;
      const found = differenceOf(exchange, got);
      if (found !== undefined)
        differences.push(`kubectl ${command}: ${exchange.method} ${exchange.path}\n${found}`);
    }
  return differences;
}

function requestOf(exchange: Exchange, values: ReadonlyMap<string, string>): Request {
  const { method, path, accept, contentType, body } = exchange;
  const text = filled(typeof body === 'string' ? body : JSON.stringify(body ?? null), values);
  const protobuf = contentType?.includes('protobuf') === true;
  const short = isWatch(path) ? path.replace(/&timeout(Seconds)?=[^&]*/g, '') : path;
  return {
    method: method as Request['method'],
    path: filled(isWatch(path) ? `${short}&timeoutSeconds=1` : path, values),
    ...(accept !== undefined && { accept }),
    ...(contentType !== undefined && { contentType }),
    ...(body !== undefined && {
      body: protobuf ? encodeProtobuf(JSON.parse(text) as JsonObject) : text,
    }),
    userAgent,
  };
}

function differenceOf(exchange: Exchange, got: Answer): string | undefined {
  const recorded = { ...got, status: exchange.status, contentType: exchange.answerType };
  const watched = isWatch(exchange.path) || exchange.answer === undefined;
  const bodies: [Json, Json] = watched ? [null, null] : [exchange.answer!, got.body];
  const [expected, actual] = bodies.map(plain) as [Json, Json];
  const found = firstDifference(
    normalised({ ...recorded, body: expected }),
    normalised({ ...got, body: actual }),
  );
  if (found === undefined) return undefined;
  return `${found.where}\n- ${JSON.stringify(found.expected)}\n+ ${JSON.stringify(found.actual)}`;
}

/** Times, ages and tokens are never the same twice. */
const never: ReadonlySet<string> = new Set(['token', 'expirationTimestamp', 'lastTransitionTime']);

/** Answers about a request that are no objects: who manages their fields is nothing to anybody. */
const neverStored = /(Review|TokenRequest)$/;

function byText(list: readonly Json[]): Json[] {
  return list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** A pod's phase is told by the member that it is placed in; a user's uid by who knows the user. */
function isElsewhere(name: string, { kind, username }: JsonObject): boolean {
  return (name === 'status' && kind === 'Pod') || (name === 'uid' && username !== undefined);
}

/** What a cluster's admission writes into its pods and nodes: members have it. */
const admitted: ReadonlySet<string> = new Set(['preemptionPolicy', 'priority', 'tolerations']);

function isAdmitted(name: string, { containers }: JsonObject): boolean {
  return name === 'taints' || (admitted.has(name) && containers !== undefined);
}

function plain(json: Json): Json {
  if (typeof json === 'string')
    return json
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
      .replace(/^\d+(ms|s|m|h|d)(\d+(s|m|h))?$/, '<age>')
      .replace(/<(uid|version)-\d+>/g, '*')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '*')
      .replace(/(resourceVersion(?:=|%3D|":"))\d{2,}/g, '$1*');
  if (Array.isArray(json)) return json.map(plain);
  if (!isObject(json)) return json;
  const out: JsonObject = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === 'metadata' && neverStored.test(String(json.kind))) continue;
    if (isElsewhere(name, json) || isAdmitted(name, json)) continue;
    const inside = never.has(name) ? '*' : plain(value);
    // Rules of a user come in the order of a Go map.
    out[name] = name.endsWith('Rules') && Array.isArray(inside) ? byText(inside) : inside;
  }
  return out;
}
