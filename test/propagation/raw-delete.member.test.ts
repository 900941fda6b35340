/** A DELETE without options: what kube-apiserver does by default, and what becomes of copies. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Joined } from './joined.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const labels = { app: 'a' };
const containers = [{ name: 'c', image: 'c' }];
const template = { metadata: { labels }, spec: { containers } };
const once = { template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers } } };
const selected = { replicas: 0, selector: { matchLabels: labels }, template };

const kinds: readonly (readonly [string, string, string, object])[] = [
  ['apps/v1', 'Deployment', 'deployments', selected],
  ['apps/v1', 'ReplicaSet', 'replicasets', selected],
  ['apps/v1', 'StatefulSet', 'statefulsets', { ...selected, serviceName: 'a' }],
  ['apps/v1', 'DaemonSet', 'daemonsets', { selector: selected.selector, template }],
  ['batch/v1', 'Job', 'jobs', once],
  ['batch/v1', 'CronJob', 'cronjobs', { schedule: '@daily', jobTemplate: { spec: once } }],
  ['v1', 'ReplicationController', 'replicationcontrollers', { ...selected, selector: labels }],
];

function pathOf(apiVersion: string, resource: string, name: string): string {
  const prefix = apiVersion === 'v1' ? 'api' : 'apis';
  return `/${prefix}/${apiVersion}/namespaces/default/${resource}/${name}`;
}

function finalizers(deleted: string): unknown {
  return JSON.parse(deleted).metadata?.finalizers ?? [];
}

describe('a DELETE without options', { skip: !required && !membersAvailable('bare') }, () => {
  let joined: Joined;

  before(async () => {
    joined = await Joined.start([{ name: 'left', full: false }]);
  });

  after(() => joined?.stop());

  for (const [apiVersion, kind, resource, spec] of kinds)
    test(`of a ${kind} collects as in kube-apiserver, and its copy goes`, async () => {
      const object = (name: string) => ({
        ...{ apiVersion, kind, spec },
        metadata: { name, namespace: 'default' },
      });
      await joined.in('left', 'create -f -', object('real'));
      await joined.apply(object('ours'));
      await joined.untilIn('left', `get ${resource} ours -o name`, /ours/);
      const real = await joined.in('left', `delete --raw ${pathOf(apiVersion, resource, 'real')}`);
      const ours = await joined.kubectl(`delete --raw ${pathOf(apiVersion, resource, 'ours')}`);
      assert.deepEqual(finalizers(ours), finalizers(real));
      await joined.until(`get ${resource} ours --ignore-not-found -o name`, '');
      // Nothing collects in this member: the copy is deleted, or waits for that.
      const deleted = '-o jsonpath={.metadata.name}/{.metadata.deletionTimestamp}';
      await joined.untilIn('left', `get ${resource} ours --ignore-not-found ${deleted}`, /^$|Z$/);
    });

  test('a Job that is to be orphaned by its user leaves its copy', async () => {
    const [apiVersion, kind, , spec] = kinds[4]!;
    const metadata = { name: 'kept', namespace: 'default' };
    await joined.apply({ apiVersion, kind, metadata, spec });
    await joined.untilIn('left', 'get job kept -o name', /kept/);
    await joined.kubectl('delete job kept --cascade=orphan');
    const mark = '-o jsonpath={.metadata.name}/{.metadata.labels.ubernetes\\.dev/federation}';
    await joined.untilIn('left', `get job kept ${mark}`, 'kept/');
  });
});
