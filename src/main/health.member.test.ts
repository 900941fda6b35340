import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { OwnAndReal, ownFederation } from './own-and-real.fixture.ts';

test('health checks read as those of a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  for (const path of [
    ...['/livez', '/readyz', '/healthz', '/livez/ping', '/readyz/ping', '/healthz/ping'],
    ...['/livez/ping?verbose', '/livez/none', '/livez/ping/more', '/livez?exclude=ping'],
  ])
    await both.same(path, { path });
  both.settle();
  for (const path of [
    '/livez?verbose',
    '/readyz?verbose=true',
    '/healthz?verbose',
    '/livez?verbose&exclude=ping',
    '/readyz?exclude=zeta&verbose&exclude=alpha',
  ]) {
    const [ours, real] = await Promise.all([both.ours({ path }), both.real({ path })]);
    assert.deepEqual(shapeOf(ours.body), shapeOf(real.body), path);
  }
});

/** What is told of single checks has one form; which checks there are is each server's own. */
function shapeOf(body: unknown): string[] {
  const lines = String((body as { text: string }).text).split('\n');
  return lines.filter((line) => !/^\[\+\](?!ping)[\w/.-]+ ok$/.test(line));
}
