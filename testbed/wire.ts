/** A TCP proxy in front of a member: the wire that can be cut, silenced or made slow. */
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A slow wire holds this many bytes per direction before it stops reading. */
const queueBytesMax = 4 << 20;

/**
 * `pass`: bytes flow. `refuse`: nobody listens and every connection is reset, as when a machine is
 * down. `blackhole`: connections are accepted, nothing comes and nothing goes, as when a firewall
 * swallows packets.
 */
export type WireState = 'pass' | 'refuse' | 'blackhole';

/** A wire between clients and one member. */
export interface Wire {
  readonly port: number;
  readonly state: WireState;
  set(state: WireState): Promise<void>;
  /** Resets the connections that are open; the next ones are not touched. */
  drop(): void;
  /** Delays each direction by half of this round trip; 0 makes it quick again. Milliseconds. */
  setRoundTrip(milliseconds: number): void;
  /** Clients' connections that are open now. */
  connections(): number;
  close(): Promise<void>;
}

/** Starts a wire that listens on `port` of 127.0.0.1 and leads to `target` of 127.0.0.1. */
export async function startWire(options: { port: number; target: number }): Promise<Wire> {
  const wire = new TcpWire(options.port, options.target);
  await wire.set('pass');
  return wire;
}

class TcpWire implements Wire {
  readonly port: number;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;
  #state: WireState = 'refuse';
  #delayMs = 0;

  constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
  }

  get state(): WireState {
    return this.#state;
  }

  async set(state: WireState): Promise<void> {
    this.#state = state;
    if (state === 'refuse') {
      await this.#stopListening();
      this.drop();
      return;
    }
    for (const pair of this.#pairs) {
      if (state === 'blackhole') pair.freeze();
      else pair.thaw();
    }
    await this.#listen();
  }

  drop(): void {
    for (const pair of this.#pairs) pair.reset();
  }

  setRoundTrip(milliseconds: number): void {
    this.#delayMs = milliseconds / 2;
  }

  connections(): number {
    return this.#pairs.size;
  }

  async close(): Promise<void> {
    await this.set('refuse');
  }

  #accept(client: Socket): void {
    const pair = new Pair(client, this.#target, () => this.#delayMs);
    this.#pairs.add(pair);
    pair.onEnd = () => this.#pairs.delete(pair);
    if (this.#state === 'blackhole') pair.freeze();
    else pair.open();
  }

  async #listen(): Promise<void> {
    if (this.#server) return;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (c) => this.#accept(c));
    // A forgotten fleet does not keep its process alive; the guard then ends the fleet.
    server.unref();
    this.#server = server;
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen({ port: this.port, host: '127.0.0.1' }, () => done());
    });
  }

  async #stopListening(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // close() waits for the connections; they are reset by the caller.
    if (server) server.close();
    await new Promise(setImmediate);
  }
}

/** One client's connection and the one that it leads to. */
class Pair {
  onEnd: () => void = () => {};
  readonly #client: Socket;
  readonly #target: number;
  readonly #delayMs: () => number;
  #upstream: Socket | undefined;
  #lanes: Lane[] = [];
  #frozen = false;

  constructor(client: Socket, target: number, delayMs: () => number) {
    this.#client = client;
    this.#target = target;
    this.#delayMs = delayMs;
    client.on('error', () => this.reset());
    client.on('close', () => this.#closed());
  }

  open(): void {
    const upstream = netConnect({
      port: this.#target,
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    this.#upstream = upstream;
    upstream.on('error', () => this.reset());
    upstream.on('close', () => this.#closed());
    this.#lanes = [new Lane(this.#delayMs), new Lane(this.#delayMs)];
    const [out, back] = this.#lanes as [Lane, Lane];
    this.#client.pipe(out).pipe(upstream);
    upstream.pipe(back).pipe(this.#client);
  }

  freeze(): void {
    this.#frozen = true;
    this.#client.pause();
    for (const lane of this.#lanes) lane.hold();
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    if (!this.#upstream) this.open();
    for (const lane of this.#lanes) lane.release();
    this.#client.resume();
  }

  reset(): void {
    for (const socket of [this.#client, this.#upstream]) {
      // A reset after a half-close is refused by the system and leaves a handle on which exiting
      // spins.
      if (socket?.writableEnded) socket.destroy();
      else socket?.resetAndDestroy();
    }
  }

  /** After a clean end the lanes still deliver what they hold; else both sides go at once. */
  #closed(): void {
    const ends = [this.#client, this.#upstream].filter((socket) => socket !== undefined);
    if (ends.some((socket) => socket.destroyed && !socket.readableEnded)) {
      for (const socket of ends) socket.destroy();
      for (const lane of this.#lanes) lane.destroy();
    }
    if (ends.every((socket) => socket.destroyed)) this.onEnd();
  }
}

/** One direction: keeps the order, delays each piece, stands still while held. */
class Lane extends Transform {
  readonly #delayMs: () => number;
  readonly #queue: { due: number; chunk: Buffer }[] = [];
  #queuedBytes = 0;
  #held = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;
  #finish: (() => void) | undefined;

  constructor(delayMs: () => number) {
    super();
    this.#delayMs = delayMs;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#deliver();
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#queue.push({ due: performance.now() + this.#delayMs(), chunk });
    this.#queuedBytes += chunk.length;
    this.#deliver();
    if (this.#queuedBytes < queueBytesMax) done();
    else this.#resume = done;
  }

  override _flush(done: () => void): void {
    this.#finish = done;
    this.#deliver();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }

  #deliver(): void {
    if (this.#held || this.destroyed) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#queue[0] && this.#queue[0].due <= now) {
      const { chunk } = this.#queue.shift() as { chunk: Buffer };
      this.#queuedBytes -= chunk.length;
      this.push(chunk);
    }
    const next = this.#queue[0];
    if (next) this.#timer = setTimeout(() => this.#deliver(), Math.ceil(next.due - now));
    const resume = this.#resume;
    if (resume && this.#queuedBytes < queueBytesMax) {
      this.#resume = undefined;
      resume();
    }
    if (!next) this.#finish?.();
  }
}
