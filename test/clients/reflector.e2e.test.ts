/**
 * client-go's informers under churn of objects that travel to a member, with its own detector of
 * inconsistencies switched on.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { requireMembers } from '../../testbed/binaries.ts';
import { Joined } from '../propagation/joined.ts';
import { clientProgram } from './build.ts';

const run = promisify(execFile);
const seconds = 10;

test('informers of client-go hold what a list says, in JSON and in protobuf', async (t) => {
  // The program needs Go to be built, as the binaries of members do.
  if (!(await requireMembers(t, 'bare'))) return;
  const program = await clientProgram('reflector');
  const joined = await Joined.start([{ name: 'eu-west', full: false }]);
  t.after(() => joined.stop());
  for (const media of ['application/json', 'application/vnd.kubernetes.protobuf']) {
    const { stdout, stderr } = await run(program, [String(seconds), media], {
      env: {
        ...process.env,
        KUBECONFIG: joined.federation.kubeconfig,
        KUBE_WATCHLIST_INCONSISTENCY_DETECTOR: 'true',
        KUBE_LIST_FROM_CACHE_INCONSISTENCY_DETECTOR: 'true',
      },
      timeout: 300_000,
    });
    // The informer that lived through the churn, and one that came after it.
    const found = [...stdout.matchAll(/^equal objects=(\d+) starts=(\d+) changes=(\d+)$/gm)];
    assert.equal(found.length, 2, `${stdout}\n${stderr}`);
    const [, objects, starts, changes] = found[0]!.map(Number);
    assert.ok(objects! > 5 && starts! > 1 && changes! > 20, `${media}: ${found[0]![0]}`);
    // Falling back to a list would hide what the test looks for.
    assert.doesNotMatch(stderr, /fall(?:ing|s)? back|watch-list.*unexpected/i);
    t.diagnostic(`${media}: ${found[0]![0]}`);
    // What stood at the end stands in the member as well, and nothing else of it.
    const kept = ['get', 'configmaps,secrets', '-l', 'n', '-o', 'name'];
    const names = await joined.kubectl(kept);
    assert.match(names, /configmap\/churn-/);
    await joined.untilIn('eu-west', kept, names);
  }
});
