import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inTime, watchdogOf } from './watchdog.ts';

test('work that is never done ends, and so does the process', async () => {
  const program = `
    import { inTime, watchdogOf } from '${new URL('watchdog.ts', import.meta.url)}';
    const watchdog = await watchdogOf(60000);
    try {
      await inTime('waiting', new Promise(() => {}), 50);
    } catch (error) {
      console.log(error.message);
    } finally {
      watchdog.stop();
    }`;
  const { stdout, status } = run(program);
  assert.equal(stdout, 'waiting takes more than 50 ms\n');
  assert.equal(status, 0);
});

test('an event loop that stands still is told of with its stack, and the process ended', () => {
  const program = `
    import { watchdogOf } from '${new URL('watchdog.ts', import.meta.url)}';
    await watchdogOf(300);
    function forever() { for (;;) Math.sqrt(2); }
    setTimeout(forever, 10);`;
  const { stderr, signal } = run(program);
  assert.match(stderr, /^the event loop stands still in\nforever /m);
  assert.equal(signal, 'SIGKILL');
});

test('what is done in time is not disturbed', async () => {
  const watchdog = await watchdogOf(60_000);
  assert.equal(await inTime('adding', Promise.resolve(3)), 3);
  watchdog.stop();
});

function run(program: string): {
  stdout: string;
  stderr: string;
  status: number | null;
  signal: string | null;
} {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
  return spawnSync(process.execPath, flags, { encoding: 'utf8', timeout: 120_000 });
}
