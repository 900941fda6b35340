import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireMembers } from './binaries.ts';
import { runKubectl } from './kubectl.ts';
import { waitUntil } from './waiting.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command; `during` sees what it printed so far, at every piece. */
async function testbed(
  args: string[],
  during?: (run: Run, kill: () => void) => void,
): Promise<Run> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const run: Run = { code: null, stdout: '', stderr: '' };
  const interrupt = (): boolean => child.kill('SIGINT');
  child.stdout.on('data', (text: Buffer) => {
    run.stdout += text;
    during?.(run, interrupt);
  });
  child.stderr.on('data', (text: Buffer) => {
    run.stderr += text;
    during?.(run, interrupt);
  });
  [run.code] = (await once(child, 'close')) as [number | null];
  return run;
}

describe('the testbed command', () => {
  test('explains itself', async () => {
    for (const args of [['--help'], ['help'], []]) {
      const { code, stdout } = await testbed(args);
      assert.equal(code, 0);
      assert.match(stdout, /^Examples:\n {2}npm run testbed -- build\n/m);
    }
  });

  test('says what is wrong with its options', async () => {
    const wrong: [string[], RegExp][] = [
      [['sideways'], /unknown command sideways/],
      [['up', 'now'], /unexpected argument now/],
      [['up', '--members', 'x'], /--members wants a whole number of at least 1, not x/],
      [['up', '--members', '0'], /--members wants a whole number of at least 1, not 0/],
      [['up', '--full', '--bare'], /exclude each other/],
      [['up', '--colour'], /--colour/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await testbed(args);
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.match(stderr, /--help/);
    }
  });

  test('keeps a fleet until Ctrl-C, and then nothing is left', async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    let nodes: Promise<string> | undefined;
    let kubeconfig = '';
    const run = await testbed(['up', '--members', '2', '--bare'], ({ stdout }, interrupt) => {
      if (nodes || !stdout.includes('Ctrl-C')) return;
      kubeconfig = /KUBECONFIG=(.*)/.exec(stdout)?.[1] ?? '';
      const args = ['--context', 'us-east1', 'get', 'namespaces', '-o', 'name'];
      nodes = runKubectl({ kubeconfig, args })
        .then((result) => result.stdout)
        .finally(interrupt);
    });
    assert.equal(run.code, 0, run.stderr);
    assert.match(String(await nodes), /namespace\/default/);
    assert.equal(existsSync(kubeconfig), false);
  });

  test('that is interrupted while it starts leaves nothing either', async (t) => {
    if (!(await requireMembers(t, 'bare'))) return;
    let folder = '';
    const run = await testbed(['up', '--members', '1', '--bare'], (so, interrupt) => {
      folder ||= /a fleet in (.*)/.exec(so.stderr)?.[1] ?? '';
      if (folder) interrupt();
    });
    assert.equal(run.code, 130);
    await waitUntil({ what: 'the folder to be gone', check: async () => !existsSync(folder) });
  });
});
