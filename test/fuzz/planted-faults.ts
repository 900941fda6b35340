/**
 * Loaded into the served process to show that the checks see what they look for: every seventh
 * connection is answered with an internal error and with what belongs to another tenant, memory is
 * kept, and an error is logged.
 */
import { Server, type TLSSocket } from 'node:tls';
import { isMainThread } from 'node:worker_threads';
import { canary } from './canary.ts';

const kept: Buffer[] = [];
const mebibyte = 1024 * 1024;

function plant(): void {
  const emit = Server.prototype.emit as (event: string, ...rest: unknown[]) => boolean;
  let connections = 0;
  Server.prototype.emit = function (event: string, ...rest: unknown[]) {
    if (event === 'secureConnection' && ++connections % 7 === 0) {
      const socket = rest[0] as TLSSocket;
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 500 X\r\nContent-Length: ${canary.length}\r\n\r\n${canary}`);
      return true;
    }
    return emit.call(this, event, ...rest);
  };
  setTimeout(() => console.log('{"level":"error","message":"planted"}'), 5000).unref();
  setInterval(() => {
    if (kept.length < 40) kept.push(Buffer.alloc(10 * mebibyte, 1));
  }, 100).unref();
}

if (isMainThread && process.argv.includes('serve')) plant();
