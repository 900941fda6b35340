import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isRunning, removeFolder, startProcess, temporaryFolder } from './processes.ts';
import { waitUntil } from './waiting.ts';

const processesModule = fileURLToPath(new URL('processes.ts', import.meta.url));

/** Starts a shell with a child of its own, then says its process id and folder. */
const parentProgram = `
  import { join } from 'node:path';
  import { startProcess, temporaryFolder } from ${JSON.stringify(processesModule)};
  const directory = await temporaryFolder('ubernetes-orphan-test');
  const child = startProcess({
    title: 'family', file: '/bin/sh', args: ['-c', 'sleep 600 & sleep 600'],
    directory, logFile: join(directory, 'log'),
  });
  console.log(JSON.stringify({ pid: child.pid, directory }));
  setInterval(() => {}, 1000);
`;

for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
  test(`processes and folders do not outlive a parent that gets ${signal}`, async () => {
    const args = ['--input-type=module', '-e', parentProgram];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(parent.stdout, 'data');
    const { pid, directory } = JSON.parse(String(line)) as { pid: number; directory: string };
    assert.equal(isRunning(pid), true);
    assert.equal(existsSync(directory), true);
    parent.kill(signal);
    await waitUntil({
      what: 'the orphans to be gone',
      check: async () => !isRunning(pid) && !existsSync(directory),
    });
  });
}

test('stopping a process ends its whole group, and its log tells what it said', async () => {
  const directory = await temporaryFolder('ubernetes-process-test');
  const child = startProcess({
    title: 'family',
    file: '/bin/sh',
    args: ['-c', 'echo one; echo two; sleep 600 & echo three; sleep 600'],
    directory,
    logFile: join(directory, 'log'),
  });
  await waitUntil({ what: 'its words', check: async () => child.tail().endsWith('three') });
  assert.equal(child.tail(2), 'two\nthree');
  await child.stop();
  assert.equal(child.hasEnded(), true);
  await waitUntil({ what: 'the group to be gone', check: async () => !isRunning(child.pid) });
  await removeFolder(directory);
  assert.equal(existsSync(directory), false);
});

test('a process that asks for time to stop gets it', async () => {
  const directory = await temporaryFolder('ubernetes-process-test');
  const script = 'trap "echo goodbye; exit 0" TERM; echo hello; while :; do sleep 0.05; done';
  const child = startProcess({
    title: 'polite',
    file: '/bin/sh',
    args: ['-c', script],
    directory,
    logFile: join(directory, 'log'),
  });
  await waitUntil({ what: 'hello', check: async () => child.tail() === 'hello' });
  await child.stop({ graceMs: 30_000 });
  assert.match(child.tail(), /goodbye$/);
  await removeFolder(directory);
});

test('waiting for a process that ends tells its last words', async () => {
  const directory = await temporaryFolder('ubernetes-process-test');
  const child = startProcess({
    title: 'short-lived',
    file: '/bin/sh',
    args: ['-c', 'echo no such flag; exit 2'],
    directory,
    logFile: join(directory, 'log'),
  });
  await assert.rejects(
    waitUntil({ what: 'an answer', processes: [child], check: async () => false }),
    /short-lived ended early:\nno such flag/,
  );
  await removeFolder(directory);
});
