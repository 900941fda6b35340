import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { WallClock } from '../base/clock.ts';
import { table } from './output.ts';
import { runProgram } from './program.ts';

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const out = new PassThrough();
  const err = new PassThrough();
  const code = await runProgram(words, {
    clock: new WallClock(),
    terminal: { out, err, env: {} },
    version: '1.2.3',
    add: () => {},
  });
  out.end();
  err.end();
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, out: text(out), err: text(err) };
}

test('help lists the commands with examples and succeeds', async () => {
  const { code, out } = await run('--help');
  assert.equal(code, 0);
  for (const word of ['join', 'unjoin', 'kubeconfig', 'recover', 'completion', 'Examples:']) {
    assert.match(out, new RegExp(word));
  }
  for (const name of ['join', 'unjoin', 'kubeconfig', 'recover', 'completion']) {
    const help = await run(name, '--help');
    assert.equal(help.code, 0);
    assert.match(help.out, /Examples:\n {2}(source <\()?ubernetes /, name);
  }
  assert.match((await run('join', '--help')).out, /--member-kubeconfig/);
});

test('a missing option and an unknown command are wrong usage, code 2', async () => {
  const missing = await run('join', 'eu');
  assert.equal(missing.code, 2);
  assert.match(missing.err, /--member-kubeconfig/);
  const unknown = await run('frobnicate');
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /frobnicate/);
});

test('a kubeconfig that is not there is one line and a hint, code 1', async () => {
  const { code, err } = await run('unjoin', 'eu', '--kubeconfig', '/nowhere/kubeconfig');
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: the kubeconfig \/nowhere\/kubeconfig cannot be read.*\nhint: .*--kubeconfig\n$/,
  );
});

test('a file that is no kubeconfig is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ubernetes-cli-'));
  try {
    const path = join(folder, 'config');
    writeFileSync(path, 'kind: ConfigMap\n');
    const { code, err } = await run('unjoin', 'eu', '--kubeconfig', path);
    assert.equal(code, 1);
    assert.match(err, /no kubeconfig/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a server that is no Kubernetes is told from one, and nothing is done', async () => {
  const server = createServer((_, response) => response.end('<html>hello</html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'ubernetes-cli-'));
  try {
    const path = join(folder, 'config');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeFileSync(path, kubeconfig(url));
    const { code, err } = await run(
      'join',
      'eu',
      '--kubeconfig',
      path,
      '--member-kubeconfig',
      path,
    );
    assert.equal(code, 1);
    assert.match(err, /^error: /);
    assert.match(err, /hint: /);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

test('completion names every command and its options', async () => {
  const { code, out } = await run('completion', 'bash');
  assert.equal(code, 0);
  assert.match(out, /complete -F _ubernetes ubernetes/);
  assert.match(out, /join\) words=".*--member-kubeconfig/);
  assert.equal((await run('completion', 'fish')).code, 2);
});

test('tables are aligned as kubectl aligns them', () => {
  assert.equal(
    table(
      ['NAME', 'N'],
      [
        ['a', '1'],
        ['longer', '22'],
      ],
    ),
    'NAME     N\na        1\nlonger   22',
  );
});
