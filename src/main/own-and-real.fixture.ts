/** The same requests sent to a federation in this process and to a real kube-apiserver. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { MemberSpec } from '../../testbed/member.ts';
import { createApi } from '../apiserver/api.ts';
import type { User } from '../apiserver/backend.ts';
import { createHandler } from '../apiserver/handler.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import type { ApiHandler } from '../apiserver/types.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import { isObject, type KubeObject, valueAt } from '../kube/object.ts';
import { loadSnapshot } from '../sandbox/snapshot.ts';
import { MemoryStore } from '../store/memory.ts';
import { Accounts } from './accounts.ts';
import { type Federation, type FederationOptions, startFederation } from './federation.ts';

export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A service account of `default` that `account` has made; the administrator unless given. */
  readonly as?: string;
}

export interface Got {
  readonly status: number;
  readonly body: KubeObject;
  /** The body as it came. */
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What is held against the real one. */
export interface Own {
  readonly handler: ApiHandler;
  stop(): Promise<void>;
}

type Send = (sent: Sent) => Promise<Got>;

/** A request, or one made of what the same side answered before. */
export type Step = Sent | ((before: readonly Got[]) => Sent);

/** Of what only reads and differs. */
const retries = 40;
const retryMs = 250;

function changesNothing(step: Step): boolean {
  if (typeof step === 'function') return false;
  const { method = 'GET', path } = step;
  return method === 'GET' || /reviews(?:\?|$)|[?&]dryRun=All/.test(path);
}

const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'], extra: {} };

function accountUser(name: string): User {
  return {
    name: `system:serviceaccount:default:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    extra: {},
  };
}

function headersOf({ method = 'GET', headers, body }: Sent): Record<string, string> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return { ...(body !== undefined && { 'content-type': type }), ...headers };
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function gotOf({ status, headers }: Pick<Got, 'status' | 'headers'>, bytes: Buffer): Got {
  return { status, headers, bytes, body: parsed(bytes.toString('utf8')) };
}

/** JSON, lines of it in a field, or else the text in a field. */
function parsed(text: string): KubeObject {
  for (const parse of [JSON.parse, parsedLines])
    try {
      return parse(text);
    } catch {}
  return { text } as unknown as KubeObject;
}

function parsedLines(text: string): object {
  const lines = text.trimEnd().split('\n');
  return { lines: lines.map((line) => JSON.parse(line)) };
}

export class OwnAndReal {
  readonly fleet: Fleet;
  readonly ours: Send;
  readonly real: Send;
  readonly differences: object[] = [];
  readonly #agent: Agent;
  /** Of the real one's service accounts. */
  readonly #tokens = new Map<string, string>();

  readonly #own: Own;

  private constructor(own: Own, fleet: Fleet) {
    this.#own = own;
    this.fleet = fleet;
    this.ours = async (sent) => {
      const { method = 'GET', path, as } = sent;
      const transport = inProcessTransport(own.handler, as === undefined ? admin : accountUser(as));
      const body = bytesOf(sent.body);
      const answer = await transport.request({
        method,
        path,
        headers: headersOf(sent),
        ...(body !== undefined && { body }),
      });
      return gotOf(answer, await answer.bytes());
    };
    const member = fleet.members[0]!;
    this.#agent = new Agent({ connect: { ca: member.ca }, allowH2: false });
    this.real = async (sent) => {
      const { method = 'GET', path, as } = sent;
      const token = as === undefined ? member.adminToken : this.#tokens.get(as)!;
      const body = bytesOf(sent.body);
      const response = await request(`${member.directServer}${path}`, {
        dispatcher: this.#agent,
        method: method as 'GET',
        headers: { authorization: `Bearer ${token}`, ...headersOf(sent) },
        ...(body !== undefined && { body }),
      });
      const { statusCode, headers: received } = response;
      const head = { status: statusCode, headers: received };
      return gotOf(head, Buffer.from(await response.body.arrayBuffer()));
    };
  }

  static async start(own: Own, spec: Partial<MemberSpec> = { full: false }): Promise<OwnAndReal> {
    return new OwnAndReal(own, await startFleet({ members: [{ name: 'real', ...spec }] }));
  }

  /** Makes a service account in `default` of both, for `as`. */
  async account(name: string): Promise<void> {
    const path = '/api/v1/namespaces/default/serviceaccounts';
    const create: Sent = { method: 'POST', path, body: { metadata: { name } } };
    await Promise.all([this.ours(create), this.real(create)]);
    const { body } = await this.real({ method: 'POST', path: `${path}/${name}/token`, body: {} });
    this.#tokens.set(name, String(valueAt(body, 'status', 'token')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own.stop();
    await this.#agent.destroy();
    await this.fleet[Symbol.asyncDispose]();
  }

  /** Sends the steps to each, one after the other, and notes where the answers differ. */
  async same(what: string, ...steps: readonly Step[]): Promise<void> {
    let differences = await this.#compared(what, steps);
    // Either may only not have heard yet of what was written before.
    for (let i = 0; i < retries && differences.length > 0 && steps.every(changesNothing); i++) {
      await sleep(retryMs);
      differences = await this.#compared(what, steps);
    }
    this.differences.push(...differences);
  }

  async #compared(what: string, steps: readonly Step[]): Promise<object[]> {
    const [theirs, ours] = await Promise.all([run(this.real, steps), run(this.ours, steps)]);
    // The real one gives the rules of its bindings in no order.
    for (const { body } of [...theirs, ...ours]) sortRules(body);
    return steps.flatMap((step, i) => {
      const [expected, actual] = [shown(theirs[i]!), shown(ours[i]!)];
      if (JSON.stringify(expected) === JSON.stringify(actual)) return [];
      return [{ what, step: i, sent: lineOf(step), expected, actual }];
    });
  }

  /** As `same`, but what is told of a credential's own identity may differ. */
  async withoutExtra(what: string, ...steps: readonly Step[]): Promise<void> {
    const before = this.differences.length;
    await this.same(what, ...steps);
    const differences = this.differences.splice(before) as { expected: Got; actual: Got }[];
    for (const each of differences) {
      const [expected, actual] = [bare(each.expected), bare(each.actual)];
      if (JSON.stringify(expected) === JSON.stringify(actual)) continue;
      this.differences.push({ ...each, expected, actual });
    }
  }

  /** As `same`, but objects in answers may differ: only refusals are compared. */
  async refusedAlike(what: string, ...steps: readonly Step[]): Promise<void> {
    const [theirs, ours] = await Promise.all([run(this.real, steps), run(this.ours, steps)]);
    for (const [i, step] of steps.entries()) {
      const [expected, actual] = [refusalOf(theirs[i]!), refusalOf(ours[i]!)];
      if (JSON.stringify(expected) === JSON.stringify(actual)) continue;
      this.differences.push({ what, step: i, sent: lineOf(step), expected, actual });
    }
  }

  /** As `refusedAlike`; two answers that are both `alike` are not told apart. */
  async answeredAlike(sent: Sent, alike: (got: Got) => boolean): Promise<void> {
    const [theirs, ours] = await Promise.all([this.real(sent), this.ours(sent)]);
    if (alike(theirs) && alike(ours)) return;
    const [expected, actual] = [refusalOf(theirs), refusalOf(ours)];
    if (JSON.stringify(expected) === JSON.stringify(actual)) return;
    this.differences.push({ sent: lineOf(sent), expected, actual });
  }

  /** @throws AssertionError with all differences so far */
  settle(): void {
    const lines = this.differences.map((each) => JSON.stringify(each));
    if (lines.length > 0) assert.fail(lines.join('\n'));
  }
}

/** An API with all types of a real Kubernetes, and nobody who works on its objects. */
export async function ownApi(): Promise<Own> {
  const [clock, random, log] = [new WallClock(), new SystemRandom(), silentLogger];
  const store = new MemoryStore({ clock, random });
  const parts = { store, clock, random, logger: log, kinds: [], processes: () => true };
  const api = await createApi(parts);
  await api.catalog.setMember('recorded', loadSnapshot());
  const handler = createHandler({
    types: api.typeSource,
    nonResources: api.nonResources,
    authenticate: async () => undefined,
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
    clock,
    random,
    log,
  });
  return { handler, stop: async () => api.close() };
}

/**
 * A whole federation with all types of a real Kubernetes, and no member that could check anything
 * for it.
 */
export async function ownFederation(options: Partial<FederationOptions> = {}): Promise<Federation> {
  const [clock, random, log] = [new WallClock(), new SystemRandom(), silentLogger];
  const issuer = 'https://kubernetes.default.svc';
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const accounts = new Accounts({ keys: [privateKey], issuer, clock, random });
  const federation = await startFederation({
    serviceAccounts: accounts.tokens,
    store: new MemoryStore({ clock, random }),
    clock,
    random,
    log,
    openTransport: () => {
      throw new Error('there are no members');
    },
    tokens: [],
    audiences: [issuer],
    instance: 'test',
    term: 1,
    salt: 'salt',
    failoverAfterMs: 300_000,
    preflight: false,
    ...options,
  });
  await federation.catalog.setMember('recorded', loadSnapshot());
  await accounts.start(federation.client);
  return {
    ...federation,
    async stop() {
      await accounts.stop();
      await federation.stop();
    },
  };
}

async function run(send: Send, steps: readonly Step[]): Promise<Got[]> {
  const got: Got[] = [];
  for (const step of steps) got.push(await send(typeof step === 'function' ? step(got) : step));
  return got;
}

function lineOf(step: Step): string {
  return typeof step === 'function' ? '' : `${step.method ?? 'GET'} ${step.path}`;
}

/** Without the extra of a reviewed user, which holds the credential's id. */
function bare(got: Pick<Got, 'status' | 'body'>) {
  const copy = structuredClone({ status: got.status, body: got.body });
  const user = valueAt(copy.body, 'status', 'user');
  if (isObject(user)) delete user['extra'];
  return copy;
}

function sortRules({ kind, status }: KubeObject): void {
  if (kind !== 'SelfSubjectRulesReview' || typeof status !== 'object') return;
  for (const rules of Object.values(status as object))
    if (Array.isArray(rules))
      rules.sort((a, b) => (JSON.stringify(plain(a)) < JSON.stringify(plain(b)) ? -1 : 1));
}

/** Without differences and dumps of Go's own structs, which nobody can know who is not Go. */
function refusalOf(got: Got): unknown {
  if (got.status < 300) return { status: got.status };
  const text = JSON.stringify(shown(got));
  return JSON.parse(
    text
      .replaceAll(/\\"batch.kubernetes.io\/controller-uid\\":\\"UID\\",/g, '')
      .replace(/\\n@@ -(?:[^"\\]|\\.)*/g, '')
      .replace(
        /(spec.template|volumeClaimTemplates)(","message":"|: )Invalid value: .*?: field is/g,
        '$1$2 field is',
      ),
  );
}

const volatile: ReadonlySet<string> = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'managedFields'],
  ...['lastTransitionTime', 'lastUpdateTime', 'selfLink', 'remainingItemCount'],
  ...['token', 'expirationTimestamp', 'storageVersionHash'],
]);

function shown({ status, body }: Got): unknown {
  return plain({ status, body });
}

/** Without what differs between any two servers; fields in one order. */
function plain(value: unknown): unknown {
  if (typeof value === 'string')
    return (
      value
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID')
        .replace(/current: \d+/, 'current: RV')
        .replace(/in record \(\d+\)/, 'in record (RV)')
        .replace(/in object meta: \d+/, 'in object meta: RV')
        .replace(/Code: 4, Key: \S+, ResourceVersion: 0, /, '')
        // Go shows its own structs, with fields that nobody sent, and its own emptiness.
        .replace(/Invalid value: \[\{"name":.*?\}\]: must have exactly/i, 'must have exactly')
        .replace(/Invalid value: (?:null|\[\]): must have at least/, 'must have at least')
    );
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => !volatile.has(key) && !(key === 'continue' && each === ''))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, plain(each)]),
  );
}
