/**
 * What `ubernetes serve` and the commands say to input that they cannot use: one line about what is
 * wrong, one about what to do, a stable exit code, and nothing half done.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Agent } from 'undici';
import { temporaryFolder } from '../../testbed/processes.ts';
import { answersOk } from '../../testbed/waiting.ts';
import { type CommandResult, ServedFederation } from './serving.ts';

interface Refusal {
  readonly code?: number;
  readonly error: RegExp;
  readonly hint: RegExp;
}

function assertRefused({ code, output }: CommandResult, refusal: Refusal): void {
  assert.equal(code, refusal.code ?? 1, output);
  // Besides the log, of JSON lines.
  const lines = output.trimEnd().split('\n');
  const [error, hint, ...more] = lines.filter((line) => !line.startsWith('{'));
  assert.match(error!, /^error: /);
  assert.match(error!, refusal.error);
  assert.match(hint ?? '', /^hint: /);
  assert.match(hint!, refusal.hint);
  assert.deepEqual(more, []);
}

describe('a data folder that cannot be used', () => {
  let federation: ServedFederation;
  let serve: (...words: string[]) => Promise<CommandResult>;

  before(async () => {
    federation = await ServedFederation.start();
    serve = (...words) =>
      federation.command(
        'serve',
        '--data',
        federation.dataDir,
        '--listen',
        '127.0.0.1:0',
        ...words,
      );
  });

  after(async () => {
    await federation.stop();
    rmSync(federation.folder, { recursive: true });
  });

  test('because another process has it', async () => {
    const refused = { error: /is in use by another process/, hint: /[Ss]top the other one/ };
    assertRefused(await serve(), refused);
    assert.ok(await isReady(federation), 'the first one is disturbed');
  });

  describe('while nobody serves it', () => {
    before(() => federation.stop());

    test('because it is of a newer version', async () => {
      const path = join(federation.dataDir, 'store.db');
      const db = new DatabaseSync(path);
      db.exec("UPDATE meta SET value = 99 WHERE name = 'schema'");
      const refused = {
        error: /of a newer version \(schema 99/,
        hint: /the version that wrote it/,
      };
      assertRefused(await serve(), refused);
      const { value } = db.prepare("SELECT value FROM meta WHERE name = 'schema'").get() as {
        value: number;
      };
      assert.equal(value, 99, 'it was written to');
      db.exec("UPDATE meta SET value = 1 WHERE name = 'schema'");
      db.close();
    });

    test('because its file is no database, or of another program', async () => {
      const path = join(federation.dataDir, 'store.db');
      const whole = readFileSync(path);
      writeFileSync(
        path,
        'no database at all, but long enough to have a header of one'.repeat(100),
      );
      assertRefused(await serve(), { error: /is damaged/, hint: /Restore a backup/ });
      rmSync(path);
      const other = new DatabaseSync(path);
      other.exec('CREATE TABLE theirs (a TEXT)');
      other.close();
      assertRefused(await serve(), { error: /of another program/, hint: /another data folder/ });
      writeFileSync(path, whole);
    });

    test('because a key is missing or broken', async () => {
      const path = join(federation.dataDir, 'pki', 'ca.key');
      const whole = readFileSync(path);
      rmSync(path);
      assertRefused(await serve(), { error: /its key ca.key is not/, hint: /[Rr]estore/ });
      writeFileSync(path, 'no key');
      assertRefused(await serve(), { error: /ca.*cannot be read/, hint: /[Rr]estore|[Rr]emove/ });
      writeFileSync(path, whole);
    });

    test('it is as before when the reason has gone', async () => {
      await federation.start();
      assert.ok(await isReady(federation));
    });
  });
});

describe('options that make no sense', () => {
  let folder: string;
  let federation: ServedFederation;

  before(async () => {
    federation = await ServedFederation.start();
  });

  after(async () => {
    await federation.stop();
    rmSync(federation.folder, { recursive: true });
  });

  beforeEach(async () => {
    folder = join(await temporaryFolder('ubernetes-refused'), 'data');
  });

  const serve = (...words: string[]) => federation.command('serve', '--data', folder, ...words);

  test('are wrong usage, and nothing is made', async () => {
    for (const [words, error] of [
      [['--listen', 'nonsense'], /--listen nonsense is no address/],
      [['--listen', '127.0.0.1:99999'], /--listen 127.0.0.1:99999 is no address/],
      [['--failover-after', 'soon'], /--failover-after soon is no duration/],
      [['--log-level', 'loud'], /--log-level loud/],
    ] as const) {
      assertRefused(await serve(...words), { code: 2, error, hint: /use/ });
    }
    const unknown = await serve('--nope');
    assert.equal(unknown.code, 2);
    assert.match(unknown.output, /unknown option '--nope'/);
    assert.throws(() => readdirSync(folder));
  });

  test('serve and demo have help with examples', async () => {
    for (const name of ['serve', 'demo']) {
      const help = await federation.command(name, '--help');
      assert.equal(help.code, 0, name);
      assert.match(help.output, /Examples:\n {2}ubernetes /, name);
      assert.ok(!help.output.includes('\u001b'), name);
    }
  });

  test('a port that is taken, a token file that is not there or garbled, a folder that is a file', async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    t.after(() => taken.close());
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const used = { error: /cannot listen on 127.0.0.1:\d+/, hint: /--listen HOST:PORT/ };
    assertRefused(await serve('--listen', address), used);
    const listen = ['--listen', '127.0.0.1:0', '--token-auth-file'] as const;
    const missing = { error: /token file .* cannot be read/, hint: /path/ };
    assertRefused(await serve(...listen, '/nowhere/tokens.csv'), missing);
    const file = join(federation.folder, 'tokens.csv');
    writeFileSync(file, 'only-a-token\n');
    const garbled = await serve(...listen, file);
    assert.equal(garbled.code, 1);
    assert.doesNotMatch(garbled.output, /only-a-token/, 'a secret is printed');
    assertRefused(garbled, { error: /line 1/, hint: /./ });
    const noFolder = await federation.command('serve', '--data', file, '--listen', '127.0.0.1:0');
    assertRefused(noFolder, { error: /data folder .* cannot be made/, hint: /--data/ });
  });

  test('kubeconfigs that are missing, broken or lead nowhere', async () => {
    const broken = join(federation.folder, 'broken.yaml');
    const command = (...words: string[]) => federation.command('unjoin', 'eu', ...words);
    const absent = { error: /cannot be read/, hint: /--kubeconfig/ };
    assertRefused(await command('--kubeconfig', '/nowhere'), absent);
    writeFileSync(broken, 'clusters: [');
    assertRefused(await command('--kubeconfig', broken), { error: /kubeconfig|YAML/, hint: /./ });
    const context = ['--kubeconfig', federation.kubeconfig, '--context', 'nope'];
    assertRefused(await command(...context), { error: /nope/, hint: /./ });
    const none = { error: /there is no cluster "eu"/, hint: /kubectl get clusters/ };
    assertRefused(await command('--kubeconfig', federation.kubeconfig), none);
    const nobody = readFileSync(federation.kubeconfig, 'utf8').replace(
      /127\.0\.0\.1:\d+/,
      '127.0.0.1:9',
    );
    writeFileSync(broken, nobody);
    assertRefused(await command('--kubeconfig', broken), { error: /127.0.0.1:9/, hint: /./ });
  });
});

/** Whether the federation says that it is ready. */
async function isReady(federation: ServedFederation): Promise<boolean> {
  const config = readFileSync(federation.kubeconfig, 'utf8');
  const url = /https:\/\/127\.0\.0\.1:\d+/.exec(config)![0];
  const ca = readFileSync(join(federation.dataDir, 'pki', 'ca.crt'));
  const dispatcher = new Agent({ connect: { ca } });
  try {
    return await answersOk(`${url}/readyz`, dispatcher);
  } finally {
    await dispatcher.close();
  }
}
