/**
 * A controller of controller-runtime with a member joined: reconciles, elects leaders, goes on
 * after a restart; what it makes stands in the member.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { type RunningProcess, startProcess } from '../../testbed/processes.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import type { ServedFederation } from '../e2e/serving.ts';
import { Joined } from '../propagation/joined.ts';
import { clientProgram } from './build.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('bare') && 'no testbed';

const rights = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: mirrors, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mirrors, namespace: default}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create, update, patch]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mirrors, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mirrors}
subjects: [{kind: ServiceAccount, name: mirrors, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: mirrors}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: mirrors}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mirrors}
subjects: [{kind: ServiceAccount, name: mirrors, namespace: default}]
`;

describe('a controller of controller-runtime', { skip }, () => {
  let joined: Joined;
  let federation: ServedFederation;
  let program: string;
  let kubeconfig: string;
  const running = new Map<string, RunningProcess>();

  const run = (name: string): void => {
    const { folder } = federation;
    const started = startProcess({
      title: `controller ${name}`,
      file: program,
      args: [name],
      directory: folder,
      logFile: join(folder, `controller-${name}.log`),
      env: { KUBECONFIG: kubeconfig },
    });
    running.set(name, started);
  };

  const says = (name: string, text: string): Promise<void> =>
    waitUntil({
      what: `controller ${name} to say "${text}"`,
      check: async () => running.get(name)!.tail(2000).includes(text),
      processes: [running.get(name)!],
    });

  async function kubectl(command: string, input?: string): Promise<string> {
    const args = command.split(' ');
    const { code, stdout, stderr } = await federation.kubectlWith({
      args,
      ...(input === undefined ? {} : { input }),
    });
    assert.equal(code, 0, `kubectl ${command}\n${stderr}\n${federation.log()}`);
    return stdout;
  }

  async function mirrored(name: string, value: string): Promise<void> {
    const get = ['get', 'configmap', `${name}-mirror`, '-o', 'jsonpath={.data.k}'];
    await waitUntil({
      what: `the mirror of ${name} to be ${value}`,
      check: async () => (await federation.kubectl(...get)).stdout === value,
    });
  }

  const standsInMember = (name: string, value: string): Promise<string> =>
    joined.untilIn('eu-west', `get configmap ${name}-mirror -o jsonpath={.data.k}`, value);

  const source = (name: string, value: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { mirror: 'source' } },
      data: { k: value },
    });

  before(async () => {
    [joined, program] = await Promise.all([
      Joined.start([{ name: 'eu-west', full: false }]),
      clientProgram('controller'),
    ]);
    federation = joined.federation;
    await kubectl('apply -f -', rights);
    // As a controller outside runs: with a token of its own, not with the administrator's rights.
    const token = (await kubectl('create token mirrors --duration=1h')).trim();
    const admin = JSON.parse(await kubectl('config view --raw -o json'));
    kubeconfig = join(federation.folder, 'mirrors.kubeconfig');
    admin.users[0].user = { token };
    await writeFile(kubeconfig, JSON.stringify(admin), { mode: 0o600 });
    run('a');
    await says('a', 'leading a');
    run('b');
  });

  after(async () => {
    await Promise.all([...running.values()].map((each) => each.stop()));
    await joined?.stop();
  });

  test('makes what is missing, and follows changes', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    await kubectl('apply -f -', names.map((name) => source(name, 'one')).join('\n'));
    for (const name of names) {
      await mirrored(name, 'one');
      await standsInMember(name, 'one');
    }
    await kubectl('apply -f -', source('s3', 'two'));
    await mirrored('s3', 'two');
    await standsInMember('s3', 'two');
    await kubectl('delete configmap s4-mirror');
    await mirrored('s4', 'one');
    const owner = 'jsonpath={.metadata.ownerReferences[0].name}';
    assert.equal(await kubectl(`get configmap s5-mirror -o ${owner}`), 's5');
  });

  test('lets go of what is deleted; its mirror is collected', async () => {
    await kubectl('delete configmap s6 --timeout=150s');
    await waitUntil({
      what: 'the mirror to be collected',
      check: async () => (await federation.kubectl('get', 'configmap', 's6-mirror')).code === 1,
    });
    const both = 'get configmap s6 s6-mirror --ignore-not-found -o name';
    await joined.untilIn('eu-west', both, '');
  });

  test('hands over to the next one', async () => {
    assert.doesNotMatch(running.get('b')!.tail(2000), /leading/);
    await running.get('a')!.stop({ graceMs: 60_000 });
    await says('b', 'leading b');
    await kubectl('apply -f -', source('s7', 'handed over'));
    await mirrored('s7', 'handed over');
  });

  test('goes on when the server was away', async () => {
    await federation.stop();
    await federation.start();
    await kubectl('apply -f -', source('s8', 'afterwards'));
    // It lost its lease meanwhile, and ends as controllers do; the next one takes over.
    run('c');
    await mirrored('s8', 'afterwards');
  });
});
