/**
 * A member that lies: a TLS server before a sandbox, whose answers are now and then no HTTP, no
 * Kubernetes, or never at an end.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../../sim/dice.ts';
import { servingFiles } from '../../src/apiserver/listening.fixture.ts';
import type { ApiResponse } from '../../src/apiserver/types.ts';
import type { SandboxMember } from '../../src/sandbox/member.ts';
import { bodyLies, frameLies, type Lie, rawLies } from './lies.ts';

export interface Liar {
  readonly server: string;
  readonly ca: string;
  /** How often each lie was told. */
  readonly told: ReadonlyMap<string, number>;
  /** Connections that are open. */
  readonly connections: number;
  /** From now on answers are lies, with this probability each; what is open is cut off. */
  lie(probability: number): void;
  stop(): Promise<void>;
}

export async function startLiar(sandbox: SandboxMember, dice: Dice): Promise<Liar> {
  const { ca, cert, key } = await servingFiles();
  const teller = new Teller(sandbox, dice);
  const server = createServer({ cert, key }, (request, response) => {
    teller.answer(request, response).catch(() => response.destroy());
  });
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca,
    told: teller.told,
    get connections() {
      return sockets.size;
    },
    lie: (probability) => {
      teller.probability = probability;
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      teller.stopped = true;
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Teller {
  readonly told = new Map<string, number>();
  probability = 0;
  stopped = false;
  readonly #sandbox: SandboxMember;
  readonly #dice: Dice;

  constructor(sandbox: SandboxMember, dice: Dice) {
    this.#sandbox = sandbox;
    this.#dice = dice;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ended = new AbortController();
    response.once('close', () => ended.abort());
    const honest = await this.#sandbox.handler({
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: request.headers as Record<string, string>,
      body: await bytesOf(request),
      signal: ended.signal,
    });
    // Somebody who says that all is well is lied to for longer.
    const probability = probes.test(request.url ?? '') ? 0.02 : this.probability;
    if (this.probability === 0 || !this.#dice.chance(probability)) return pass(honest, response);
    if (honest.endless === true) return this.#misreport(honest, response);
    const name = leastUsed(this.#dice, answers, (each) => this.told.get(each));
    const lie = rawLies[name] ?? bodyLies[name]!;
    this.#note(name);
    if (Buffer.isBuffer(lie)) {
      response.writeHead(honest.status, { 'content-type': 'application/json' });
      response.end(lie);
      return;
    }
    const body = Buffer.isBuffer(honest.body) ? honest.body : Buffer.from('{}');
    await this.#speak(lie, response.socket!, body);
  }

  /** A watch that begins well, and goes on with what is no event, or no event of this world. */
  async #misreport(honest: ApiResponse, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/json' });
    const name = leastUsed(this.#dice, Object.keys(frameLies), (each) => this.told.get(each));
    const frames = frameLies[name]!;
    this.#note(name);
    const abandon = (): void => void iterator.return?.();
    const iterator = (honest.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    response.once('close', abandon);
    const first = iterator.next();
    const some = await Promise.race([first, delay(this.#dice.between(1, 500))]);
    if (some !== undefined && !some.done) response.write(some.value);
    for (const chunk of frames(this.#dice)) {
      if (response.destroyed || this.stopped) return;
      if (!response.write(chunk)) await drained(response);
    }
    const end = this.#dice.pick(['well', 'cut', 'silence'] as const);
    if (end === 'well') response.end();
    else if (end === 'cut') response.destroy();
  }

  async #speak(lie: Lie, socket: Duplex, body: Buffer): Promise<void> {
    for (const { bytes, waitMs = 0 } of lie(body, this.#dice)) {
      if (socket.destroyed || this.stopped) return;
      if (!socket.write(bytes)) await drained(socket);
      if (waitMs > 0) await delay(waitMs);
    }
    socket.destroy();
  }

  #note(name: string): void {
    this.told.set(name, (this.told.get(name) ?? 0) + 1);
  }
}

const probes = /^\/readyz|^\/api\/v1\/namespaces\/kube-system$/;

const answers = [...Object.keys(rawLies), ...Object.keys(bodyLies)];

/** One of those that came up least often so far: in few throws, too, everything comes up. */
export function leastUsed(
  dice: Dice,
  names: readonly string[],
  used: (name: string) => number | undefined,
): string {
  const least = Math.min(...names.map((name) => used(name) ?? 0));
  return dice.pick(names.filter((name) => (used(name) ?? 0) === least));
}

async function pass(honest: ApiResponse, response: ServerResponse): Promise<void> {
  response.writeHead(honest.status, honest.headers as Record<string, string>);
  if (Buffer.isBuffer(honest.body)) {
    response.end(honest.body);
    return;
  }
  for await (const chunk of honest.body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function drained(stream: Duplex | ServerResponse): Promise<void> {
  if (stream.destroyed) return;
  const left = new AbortController();
  const { signal } = left;
  const waits = ['drain', 'close'].map((event) => once(stream, event, { signal }));
  await Promise.race(waits).catch(() => {});
  left.abort();
  for (const wait of waits) wait.catch(() => {});
}
