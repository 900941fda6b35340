/**
 * Runs beside an event loop that no timer of its own can save: when it has not turned for so long,
 * what it is in is printed and the process ended.
 */
import { writeSync } from 'node:fs';
import { type Debugger, Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';

const { beats, ms } = workerData as { beats: Int32Array; ms: number };
let last = -1;
let since = performance.now();

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now !== last) {
    last = now;
    since = performance.now();
  }
  if (performance.now() - since < ms) return;
  since = Number.POSITIVE_INFINITY;
  const session = new Session();
  session.connectToMainThread();
  session.on('Debugger.paused', ({ params }) => end(params.callFrames));
  session.post('Debugger.enable');
  session.post('Debugger.pause');
  setTimeout(() => end([]), 30_000);
}, ms / 20);

function end(frames: readonly Debugger.CallFrame[]): void {
  const lines = frames.map(
    ({ functionName, url, location }) => `${functionName} ${url}:${location.lineNumber + 1}`,
  );
  const where = lines.length > 0 ? lines.join('\n') : 'something that cannot be interrupted';
  writeSync(2, `the event loop stands still in\n${where}\n`);
  process.kill(process.pid, 'SIGKILL');
}
