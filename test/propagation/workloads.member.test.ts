/** Workloads in whole clusters: who owns the replicas, what becomes of a status. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Joined } from './joined.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const members = ['left', 'right'];

const template = (app: string, more: object = {}): object => ({
  metadata: { labels: { app } },
  spec: {
    ...more,
    containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '1m' } } }],
  },
});

const workload = (kind: string, name: string, spec: object): object => ({
  apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1',
  kind,
  metadata: { name, namespace: 'default' },
  spec,
});

const selected = (app: string, more: object = {}): object => ({
  ...more,
  selector: { matchLabels: { app } },
  template: template(app),
});

describe('workloads in whole clusters', { skip: !required && !membersAvailable('full') }, () => {
  let joined: Joined;

  before(async () => {
    joined = await Joined.start(members.map((name) => ({ name, nodes: 2 })));
  });

  after(() => joined?.stop());

  test('an autoscaler in a member owns the replicas there', async () => {
    await joined.apply(workload('Deployment', 'scaled', selected('scaled', { replicas: 2 })));
    const replicas = 'get deploy scaled -o jsonpath={.spec.replicas}';
    for (const member of members) await joined.untilIn(member, replicas, '1');
    // Below its minimum it scales without any metrics.
    await joined.in('right', 'autoscale deployment scaled --min=3 --max=5 --cpu=50%');
    await joined.untilIn('right', replicas, '3');
    await joined.until('get deploy scaled -o jsonpath={.status.readyReplicas}', '4');
    const at = { namespace: 'default', cluster: 'right' };
    await joined.entry('scaled.deployments.apps', { ...at, field: 'state' }, 'Synced');
    await joined.entry('scaled.deployments.apps', { ...at, field: 'drift' }, '');
    // An update of the template does not take them back, nor does scaling it.
    await joined.kubectl('set image deployment/scaled web=web:2');
    const image = 'get deploy scaled -o jsonpath={.spec.template.spec.containers[0].image}';
    for (const member of members) await joined.untilIn(member, image, 'web:2');
    assert.equal(await joined.in('right', replicas), '3');
    await joined.kubectl('scale deployment scaled --replicas=4');
    await joined.untilIn('left', replicas, '2');
    assert.equal(await joined.in('right', replicas), '3');
    // Whoever scales by hand there is set back as ever.
    await joined.in('left', 'scale deployment scaled --replicas=6');
    await joined.untilIn('left', replicas, '2');
  });

  test('a StatefulSet runs in one cluster and shows what it is there', async () => {
    await joined.apply(
      workload('StatefulSet', 'db', selected('db', { serviceName: 'db', replicas: 2 })),
    );
    await joined.until('get sts db -o jsonpath={.status.readyReplicas}/{.status.replicas}', '2/2');
    await joined.kubectl('rollout status sts/db --timeout=150s');
    const counts: string[] = [];
    for (const member of members) counts.push(await joined.in(member, 'get sts -o name'));
    assert.deepEqual(counts.sort(), ['', 'statefulset.apps/db']);
  });

  test('a DaemonSet runs everywhere and is counted', async () => {
    await joined.apply(workload('DaemonSet', 'agent', selected('agent')));
    const status =
      '{.status.desiredNumberScheduled}/{.status.numberReady}/{.status.numberAvailable}';
    await joined.until(`get ds agent -o jsonpath=${status}`, '4/4/4');
    await joined.kubectl('rollout status ds/agent --timeout=150s');
    assert.match(await joined.kubectl('get ds agent --no-headers'), /^agent +4 +4 +4 +4 +4/);
  });

  test('a Job keeps the selector that its cluster gave it, and completes', async () => {
    await joined.apply(
      workload('Job', 'once', {
        completions: 2,
        parallelism: 2,
        template: template('once', { restartPolicy: 'Never' }),
      }),
    );
    const complete =
      'jsonpath={.status.succeeded}/{.status.conditions[?(@.type=="Complete")].status}';
    await joined.until(['get', 'job', 'once', '-o', complete], '2/True');
    await joined.kubectl('wait --for=condition=Complete job/once --timeout=150s');
    const [only] = (
      await Promise.all(
        members.map(async (name) =>
          (await joined.in(name, 'get job -o name')) === '' ? '' : name,
        ),
      )
    ).filter((name) => name !== '');
    const uid = await joined.in(only!, 'get job once -o jsonpath={.metadata.uid}');
    const selector = await joined.in(
      only!,
      'get job once -o jsonpath={.spec.selector.matchLabels}',
    );
    assert.equal(selector, `{"batch.kubernetes.io/controller-uid":"${uid}"}`);
    await joined.kubectl('label job once seen=yes');
    await joined.untilIn(only!, 'get job once -o jsonpath={.metadata.labels.seen}', 'yes');
    const at = { namespace: 'default', cluster: only! };
    await joined.entry('once.jobs.batch', { ...at, field: 'state' }, 'Synced');
    await joined.entry('once.jobs.batch', { ...at, field: 'drift' }, '');
    await joined.kubectl('delete job once');
    await joined.untilIn(only!, 'get pods -l app=once -o name', '');
  });

  test('the addresses of a load balancer are those of all clusters', async () => {
    await joined.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'public', namespace: 'default' },
      spec: { type: 'LoadBalancer', selector: { app: 'scaled' }, ports: [{ port: 80 }] },
    });
    for (const [index, member] of members.entries()) {
      await joined.untilIn(member, 'get svc public -o jsonpath={.spec.type}', 'LoadBalancer');
      const status = { status: { loadBalancer: { ingress: [{ ip: `192.0.2.${index + 1}` }] } } };
      const words = ['patch', 'svc', 'public', '--subresource=status', '--type=merge', '-p'];
      await joined.in(member, [...words, JSON.stringify(status)]);
    }
    const addresses = 'get svc public -o jsonpath={.status.loadBalancer.ingress[*].ip}';
    await joined.until(addresses, '192.0.2.1 192.0.2.2');
    assert.match(await joined.kubectl('get svc public --no-headers'), /192\.0\.2\.1,192\.0\.2\.2/);
  });

  test('a quota in a member refuses objects there; one of the federation stays home', async () => {
    await joined.kubectl('create namespace tight');
    for (const member of members) {
      await joined.untilIn(member, 'get ns tight -o name', 'namespace/tight');
      await joined.in(member, 'create quota few -n tight --hard=configmaps=3');
      await joined.untilIn(
        member,
        'get quota few -n tight -o jsonpath={.status.hard}',
        '{"configmaps":"3"}',
      );
    }
    await joined.kubectl('create quota own -n tight --hard=configmaps=9');
    // Each cluster has one of its own already: its certificate; so has the federation.
    for (const name of ['one', 'two', 'three']) {
      await joined.kubectl(`create configmap ${name} -n tight --from-literal=a=b`);
    }
    const states = '-o=jsonpath={.items[*].status.clusters[*].reason}';
    await joined.until(['get', 'dist', '-n', 'tight', states], /QuotaExceeded/);
    const used =
      'get quota own -n tight -o jsonpath={.status.hard.configmaps}/{.status.used.configmaps}';
    await joined.until(used, '9/4');
    for (const member of members) {
      assert.equal(await joined.in(member, 'get quota -n tight -o name'), 'resourcequota/few');
    }
  });

  test('a deleted namespace takes everything with it, and is gone everywhere', async () => {
    await joined.kubectl('delete namespace tight --timeout=150s');
    for (const member of members) {
      await joined.untilIn(member, 'get ns -o jsonpath={.items[*].metadata.name}', /^(?!.*tight)/);
    }
    const { stderr } = await joined.tried('get ns tight');
    assert.match(stderr, /NotFound/);
  });
});
