/**
 * Free TCP ports below the range from which the system takes the ports of outgoing connections:
 * a member that is stopped for a while finds its port free when it comes back.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const lowest = 20_000;
const highest = 32_000;
const handedOut = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(lowest, highest);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

/** Gives a port back. */
export function releasePort(port: number): void {
  handedOut.delete(port);
}

/**
 * Between the search for a port and its use another process may take it: then the attempt, which
 * must choose its ports itself and clean up after itself, is made again.
 */
export async function withPorts<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let left = 3; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !/address already in use|EADDRINUSE/.test(String(error))) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => done(true));
    });
  });
}
