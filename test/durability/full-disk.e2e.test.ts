/**
 * A full disk under the whole program: writes are refused with a clear word, nothing is lost, reads
 * go on, and with room again everything does.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { ServedFederation } from '../e2e/serving.ts';
import { Joined } from '../propagation/joined.ts';
import { compileShim } from './power-cut.ts';

test('with a full disk writes are refused, and go on when there is room again', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const joined = await Joined.start([{ name: 'only', full: false }]);
  t.after(() => joined.stop());
  const { federation } = joined;
  const { folder } = federation;
  const shim = compileShim(folder);
  if (shim === undefined) {
    assert.notEqual(process.env['REQUIRE_MEMBERS'], '1', 'there is no C compiler');
    t.skip('no C compiler');
    return;
  }
  const notes = join(folder, 'notes');
  const full = `${notes}.full`;
  await federation.stop();
  await federation.start({
    LD_PRELOAD: shim,
    POWER_CUT_FOLDER: federation.dataDir,
    POWER_CUT_LOG: notes,
  });
  await joined.kubectl('create configmap before --from-literal=a=b');
  await joined.untilIn('only', 'get cm before -o jsonpath={.data.a}', 'b');

  writeFileSync(full, '');
  for (const words of [
    'create configmap refused --from-literal=a=b',
    'create deployment refused --image=nginx',
    'label configmap before x=y',
    'delete configmap before',
  ]) {
    const { code, stderr } = await joined.tried(words);
    assert.equal(code, 1, words);
    assert.match(stderr, /the disk of the federation is full: nothing was written; free some/);
  }
  assert.equal(await joined.kubectl('get configmap before -o jsonpath={.data.a}'), 'b');
  assert.equal(await joined.kubectl('get configmap before -o jsonpath={.metadata.labels}'), '');
  assert.match((await joined.tried('get configmap refused')).stderr, /NotFound/);
  assert.match((await joined.tried('get deployment refused')).stderr, /NotFound/);

  rmSync(full);
  await joined.kubectl('create configmap after --from-literal=a=b');
  await joined.kubectl('label configmap before x=y');
  await joined.untilIn('only', 'get cm after -o jsonpath={.data.a}', 'b');
  await joined.untilIn('only', 'get cm before -o jsonpath={.metadata.labels.x}', 'y');

  // It is all on the disk, and a start finds it there.
  await federation.stop('kill');
  await federation.start();
  const names = 'get configmaps -l !none -o jsonpath={.items[*].metadata.name}';
  assert.equal(await joined.kubectl(names), 'after before kube-root-ca.crt');
  await joined.kubectl('delete configmap before after');
  await joined.untilIn('only', 'get cm -o jsonpath={.items[*].metadata.name}', '');
});

test('a start on a full disk says so and leaves what is there alone', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const federation = await ServedFederation.start();
  t.after(async () => {
    await federation.stop();
    rmSync(federation.folder, { recursive: true });
  });
  const shim = compileShim(federation.folder);
  if (shim === undefined) return;
  const created = await federation.kubectl('create', 'configmap', 'before', '--from-literal=a=b');
  assert.equal(created.code, 0, created.stderr);
  await federation.stop();
  const notes = join(federation.folder, 'notes');
  writeFileSync(`${notes}.full`, '');
  const started = await federation.commandWith({
    words: ['serve', '--data', federation.dataDir, '--listen', '127.0.0.1:0'],
    env: { LD_PRELOAD: shim, POWER_CUT_FOLDER: federation.dataDir, POWER_CUT_LOG: notes },
  });
  assert.equal(started.code, 1, started.output);
  assert.match(started.output, /^error: the store in .* cannot be opened/);
  assert.match(started.output, /hint: .*free space/);
  await federation.start();
  const { stdout } = await federation.kubectl('get', 'configmap', 'before', '-o', 'name');
  assert.equal(stdout, 'configmap/before\n');
});
