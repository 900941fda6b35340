import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { type Got, OwnAndReal, ownApi, type Sent, type Step } from './own-and-real.fixture.ts';

const core = '/api/v1';
const configMaps = `${core}/namespaces/default/configmaps`;

function create(path: string, body: object): Sent {
  return { method: 'POST', path, body };
}

function remove(path: string, body?: object): Sent {
  return { method: 'DELETE', path, ...(body !== undefined && { body }) };
}

function named(name: string, more: object = {}): object {
  return { metadata: { name, ...more } };
}

test('deletions and namespaces as a real kube-apiserver answers them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownApi());
  await deletions(both);
  await namespaces(both);
  both.settle();
});

async function deletions(both: OwnAndReal): Promise<void> {
  const path = `${configMaps}/a`;
  const a = create(configMaps, named('a'));
  const clean: Step = { ...remove(path), method: 'DELETE' };
  const unfinalized: Sent = { method: 'PATCH', path, body: { metadata: { finalizers: null } } };
  const ignore = { ignoreStoreReadErrorWithClusterBreakingPotential: true };
  const optionses: object[] = [
    {},
    { propagationPolicy: 'Background' },
    { propagationPolicy: 'Foreground' },
    { propagationPolicy: 'Orphan' },
    { orphanDependents: true },
    { orphanDependents: false },
    { gracePeriodSeconds: 0 },
    { gracePeriodSeconds: -1 },
    { dryRun: ['All'] },
    { preconditions: { uid: 'x' } },
    { preconditions: { resourceVersion: '1' } },
    { preconditions: {} },
    ignore,
    { ...ignore, propagationPolicy: 'Background' },
    { ...ignore, orphanDependents: true, gracePeriodSeconds: 1, preconditions: { uid: 'x' } },
    { kind: 'DeleteOptions', apiVersion: 'v1' },
    { kind: 'DeleteOptions', apiVersion: 'apps/v1', propagationPolicy: 'Background' },
    { kind: 'Pod', apiVersion: 'v1' },
  ];
  for (const options of optionses) {
    await both.same(
      `delete ${JSON.stringify(options)}`,
      a,
      remove(path, options),
      {
        path,
      },
      unfinalized,
      clean,
    );
  }
  const twice = [{ propagationPolicy: 'Foreground' }, { propagationPolicy: 'Background' }] as const;
  await both.same('foreground, then background', a, ...twice.map((each) => remove(path, each)), {
    path,
  });
  const orphan = create(configMaps, named('a', { finalizers: ['orphan'] }));
  await both.same('a finalizer of the author', orphan, remove(path), { path }, unfinalized);
  await both.same(
    'both',
    create(configMaps, named('a', { finalizers: ['orphan', 'foregroundDeletion'] })),
  );
  await both.same('collection', a, remove(`${configMaps}?labelSelector=x`, ignore), remove(path));
  for (const query of [
    'propagationPolicy=Foreground',
    'orphanDependents=true',
    'gracePeriodSeconds=0',
    'dryRun=All',
    'preconditions.uid=x',
  ])
    await both.same(`delete?${query}`, a, remove(`${path}?${query}`), { path }, unfinalized, clean);
}

async function namespaces(both: OwnAndReal): Promise<void> {
  const path = `${core}/namespaces`;
  const team = `${path}/team`;
  const finalize =
    (finalizers: string[]): Step =>
    (before) => ({
      method: 'PUT',
      path: `${team}/finalize`,
      body: { ...(before[0] as Got).body, metadata: { name: 'team' }, spec: { finalizers } },
    });
  await both.same(
    'namespace',
    create(path, named('team', { labels: { 'kubernetes.io/metadata.name': 'other', a: 'b' } })),
    { path: team },
    { method: 'PATCH', path: team, body: { metadata: { labels: null } } },
    {
      method: 'PATCH',
      path: team,
      body: { spec: { finalizers: ['example.test/a'] }, status: { phase: 'Terminating' } },
    },
    { method: 'PATCH', path: `${team}/status`, body: { status: { phase: 'Odd' } } },
    finalize(['kubernetes', 'example.test/b']),
    finalize(['kubernetes', 'bad name']),
    create(`${team}/configmaps`, named('left', { finalizers: ['example.test/c'] })),
    remove(team, { propagationPolicy: 'Background' }),
    { path: team },
    remove(team),
    create(`${team}/configmaps`, named('new')),
    create(`${team}/configmaps`, { metadata: { generateName: 'new-' } }),
    create(`${team}/serviceaccounts`, named('new')),
    create('/apis/apps/v1/namespaces/team/deployments', named('new')),
    create(`${core}/namespaces/nowhere/configmaps`, named('new')),
    { method: 'PATCH', path: `${team}/configmaps/left`, body: { data: { a: 'b' } } },
    create(path, named('team')),
    finalize([]),
    { path: team },
  );
  await both.same(
    'namespace with finalizers of its author',
    create(path, { ...named('own'), spec: { finalizers: ['example.test/own'] } }),
    create(path, { ...named('own2'), spec: { finalizers: ['nodomain'] } }),
    create(path, named('Bad_Name')),
    create(path, named('has.dot')),
  );
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'nowhere'])
    await both.same(`delete ${name}`, remove(`${path}/${name}?dryRun=All`));
}
