/** Attacks the served federation over sockets while a member lies to it. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { Dice } from '../../sim/dice.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { canary } from './canary.ts';
import { codesIn, frame, frameAttacks, frameTypes, preface } from './frames.ts';
import { HonestUser } from './honest-user.ts';
import { leastUsed } from './liar.ts';
import { frameLies } from './lies.ts';
import { type RawBytes, rawKinds, rawRequest, smuggledName } from './raw-requests.ts';
import { connectionsTo, resident, type Served, startServed } from './served.ts';
import { inTime, watchdogOf } from './watchdog.ts';

export interface SocketReport {
  /** Connections, by what was sent over them. */
  readonly connections: Readonly<Record<string, number>>;
  /** Answers by code, over HTTP/1.1. */
  readonly codes: Readonly<Record<number, number>>;
  /** How often the member told which lie. */
  readonly lies: Readonly<Record<string, number>>;
  readonly findings: readonly string[];
  /** Whether every attack, enough lies and enough of the honest user's work were seen. */
  readonly complete: boolean;
  readonly honest: { readonly rounds: number; readonly slowestMs: number };
  /** Resident memory at the end of each phase, and the most at any time, MiB. */
  readonly residentMiB: readonly number[];
  readonly peakMiB: number;
  /** Heap and buffers before all and at the end of each phase, once garbage is collected, MiB. */
  readonly heldMiB: readonly number[];
  /** Until both members had what was written after the last lie, milliseconds. */
  readonly settledMs: number;
  /** Connections that are still open afterwards: of the attackers, and to the liar. */
  readonly left: { readonly ofAttackers: number; readonly toLiar: number };
}

const attackers = 6;
const readMax = 1024 * 1024;
/** Of one kind. */
const findingsMax = 5;
/** Nothing that goes well takes longer, on a machine that has much else to do. */
const restMs = 120_000;
/** Connections of honest users come and go, too. */
const leftMax = 2;
/** Phases that are added until enough was seen. */
const moreMax = 30;

export interface SocketOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly say?: (line: string) => void;
  /** With faults that must be found. */
  readonly planted?: boolean;
}

export async function fuzzSockets(options: SocketOptions): Promise<SocketReport> {
  const dice = new Dice(new SeededRandom(options.seed));
  const watchdog = await watchdogOf(restMs);
  try {
    const served = await inTime('starting', startServed(dice, options.planted));
    try {
      return await new Attack(served, dice, options.say ?? (() => {})).run(options.seconds * 1000);
    } finally {
      await inTime('stopping', served.stop());
    }
  } finally {
    watchdog.stop();
  }
}

const kinds = [...rawKinds, ...Object.keys(frameAttacks)];
const liesMin = 20;
const roundsMin = 10;

class Attack {
  readonly #served: Served;
  readonly #dice: Dice;
  readonly #say: (line: string) => void;
  readonly #findings: string[] = [];
  readonly #connections: Record<string, number> = {};
  readonly #codes: Record<number, number> = {};

  constructor(served: Served, dice: Dice, say: (line: string) => void) {
    this.#served = served;
    this.#dice = dice;
    this.#say = say;
  }

  async run(ms: number): Promise<SocketReport> {
    const { liar, federation } = this.#served;
    const { pid } = federation;
    const user = new HonestUser(this.#served, (what, about) => this.#found(what, about));
    await delay(2000);
    const before = connectionsTo(this.#served.port);
    const residentMiB: number[] = [];
    const held = [Math.round(await this.#served.heldMiB())];
    const phase = async (name: string, part: number, attacked = true): Promise<void> => {
      const until = performance.now() + ms * part;
      if (attacked)
        await Promise.all(Array.from({ length: attackers }, () => this.#attackUntil(until)));
      else await delay(ms * part);
      residentMiB.push(resident(pid).nowMiB);
      held.push(Math.round(await this.#served.heldMiB()));
      this.#say(
        `${name}: ${held.at(-1)} MiB held, ${residentMiB.at(-1)} resident, ${user.rounds} honest rounds`,
      );
    };
    await phase('attacked', 0.2);
    liar.lie(0.3);
    await phase('lied to', 0.2, false);
    for (let i = 0; i < 3 || (i < moreMax && !this.#sawEnough(user)); i++) {
      // Cuts off what is open: watches are lied to when they begin.
      liar.lie(0.3);
      await phase('both', 0.2);
    }
    liar.lie(0);
    const began = performance.now();
    await this.#settle();
    const settledMs = Math.round(performance.now() - began);
    await user.stop();
    const ofAttackers = (await this.#connectionsAtRest(before)) - before;
    residentMiB.push(resident(pid).nowMiB);
    held.push(Math.round(await this.#served.heldMiB()));
    this.#readLog();
    return {
      connections: this.#connections,
      codes: this.#codes,
      lies: Object.fromEntries(liar.told),
      findings: this.#findings,
      complete: this.#sawEnough(user),
      honest: { rounds: user.rounds, slowestMs: Math.round(user.slowestMs) },
      residentMiB,
      peakMiB: resident(pid).peakMiB,
      heldMiB: held,
      settledMs,
      left: { ofAttackers, toLiar: liar.connections },
    };
  }

  /** Every attack, most lies, and an honest user who got on: a slow machine needs longer. */
  #sawEnough(user: HonestUser): boolean {
    const sent = kinds.every((kind) => this.#connections[kind] !== undefined);
    const { told: lies } = this.#served.liar;
    const told = lies.size >= liesMin && Object.keys(frameLies).every((lie) => lies.has(lie));
    const answered = [200, 400].every((code) => this.#codes[code] !== undefined);
    return sent && told && answered && user.rounds > roundsMin;
  }

  #found(what: string, about: string): void {
    const alike = this.#findings.filter((finding) => finding.startsWith(`${what}\n`));
    if (alike.length < findingsMax) this.#findings.push(`${what}\n${about}`);
  }

  async #attackUntil(end: number): Promise<void> {
    while (performance.now() < end) {
      await (this.#dice.chance(0.3) ? this.#frames() : this.#requests());
    }
  }

  async #requests(): Promise<void> {
    const { token } = this.#served;
    const collection = '/api/v1/namespaces/tenant-a/configmaps';
    const what = leastUsed(this.#dice, rawKinds, (kind) => this.#connections[kind]);
    const sent = rawRequest(this.#dice, { token, collection }, what);
    const answer = (await this.#converse('http/1.1', sent)).toString('latin1');
    if (answer.includes(canary)) this.#found("another tenant's data", show(sent));
    for (const [, code] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
      this.#codes[Number(code)] = (this.#codes[Number(code)] ?? 0) + 1;
      if (code === '500')
        this.#found('an internal error', `${show(sent)}\n${answer.slice(0, 1000)}`);
    }
  }

  async #frames(): Promise<void> {
    const { token } = this.#served;
    const attacks = Object.keys(frameAttacks);
    const what = leastUsed(this.#dice, attacks, (kind) => this.#connections[kind]);
    const make = frameAttacks[what]!;
    const collection = '/api/v1/namespaces/tenant-a/configmaps';
    const path = this.#dice.pick([collection, `${collection}?watch=true`, '/openapi/v2']);
    const settings = frame({ type: frameTypes.settings });
    const bytes = Buffer.concat([preface, settings, make({ path, token }, this.#dice)]);
    const answer = await this.#converse('h2', { what, bytes });
    if (codesIn(answer).includes(500)) this.#found('an internal error', show({ what, bytes }));
  }

  /** Sends it in pieces, reads for a while or not at all, and leaves in one of several ways. */
  async #converse(protocol: 'http/1.1' | 'h2', { what, bytes }: RawBytes): Promise<Buffer> {
    const dice = this.#dice;
    this.#connections[what] = (this.#connections[what] ?? 0) + 1;
    const socket = await this.#connect(protocol);
    if (socket === undefined) return Buffer.alloc(0);
    const received: Buffer[] = [];
    let size = 0;
    if (dice.chance(0.9))
      socket.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size < readMax) received.push(chunk);
      });
    const closed = once(socket, 'close').catch(() => {});
    for (let at = 0; at < bytes.length && !socket.destroyed; ) {
      const length = dice.pick([1, 20, 1000, bytes.length, bytes.length]);
      const taken = socket.write(bytes.subarray(at, at + length));
      at += length;
      if (!taken) await Promise.race([once(socket, 'drain').catch(() => {}), closed, delay(1000)]);
      if (dice.chance(0.05)) await delay(dice.between(1, 50));
    }
    const end = dice.pick(['wait', 'wait', 'wait', 'half', 'cut'] as const);
    if (end === 'half') socket.end();
    if (end !== 'cut') await Promise.race([closed, delay(dice.pick([50, 200, 1000]))]);
    socket.destroy();
    return Buffer.concat(received);
  }

  async #connect(protocol: string): Promise<TLSSocket | undefined> {
    const { port, ca } = this.#served;
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: [protocol] });
    socket.on('error', () => {});
    const late = delay(restMs, 'late', { ref: false });
    const opened = once(socket, 'secureConnect').catch((error: Error) => error);
    const outcome = await Promise.race([opened, late]);
    if (Array.isArray(outcome)) return socket;
    socket.destroy();
    this.#found('no connection', outcome instanceof Error ? outcome.message : `after ${restMs} ms`);
    return undefined;
  }

  /** With the liar honest again, what is written arrives in both members; nothing was smuggled. */
  async #settle(): Promise<void> {
    const { client, honest } = this.#served;
    const path = '/api/v1/namespaces/tenant-b/configmaps';
    const metadata = { name: 'afterwards' };
    await inTime(
      'a create',
      client.create(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata }),
    );
    for (let i = 0; i < 2 * (restMs / 1000) && !(await this.#arrived()); i++) await delay(500);
    if (!(await this.#arrived()))
      this.#found(
        'a member that is honest again is not written to',
        await this.#shownDistribution(),
      );
    if ((await honest.client.find(`${path}/afterwards`)) === undefined)
      this.#found('the honest member is not written to', '');
    const hidden = `/api/v1/namespaces/tenant-a/configmaps/${smuggledName}`;
    if ((await client.find(hidden)) !== undefined)
      this.#found('a request in the body of another one was taken', hidden);
  }

  async #shownDistribution(): Promise<string> {
    const found = await this.#served.client.find(
      '/apis/ubernetes.dev/v1alpha1/namespaces/tenant-b/distributions/afterwards.configmaps',
    );
    return found?.bytes.toString() ?? 'no distribution';
  }

  async #arrived(): Promise<boolean> {
    const path = '/api/v1/namespaces/tenant-b/configmaps/afterwards';
    const { honest, lying } = this.#served;
    const found = await Promise.all([honest, lying].map(({ client }) => client.find(path)));
    return found.every((each) => each !== undefined);
  }

  async #connectionsAtRest(before: number): Promise<number> {
    const { port } = this.#served;
    const until = performance.now() + restMs;
    while (connectionsTo(port) > before + leftMax && performance.now() < until) await delay(500);
    return connectionsTo(port);
  }

  #readLog(): void {
    for (const line of this.#served.federation.log(100_000).split('\n'))
      if (/"level":(?:"error"|[56]0)/.test(line) || /^\s+at /.test(line))
        this.#found('the server logged an error', line.slice(0, 1000));
  }
}

function show({ what, bytes }: RawBytes): string {
  return `${what}: ${JSON.stringify(bytes.subarray(0, 600).toString('latin1'))}`;
}
