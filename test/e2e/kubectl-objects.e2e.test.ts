/**
 * Objects written with kubectl, the current one and the older: what it prints beside a real
 * cluster.
 */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Beside, type Typed } from './beside.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('bare', 'older') && 'no testbed';

const app = (namespace: string, change: (text: string) => string = (text) => text): string =>
  change(`apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: ${namespace}, labels: {tier: web}}
data: {a: "1", b: "2"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${namespace}, labels: {tier: web}}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1.25", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
`);

describe('objects written with kubectl', { skip }, () => {
  let beside: Beside;

  before(async () => {
    beside = await Beside.start();
  });

  after(() => beside?.stop());

  for (const older of [false, true]) {
    const which = older ? 'older' : 'current';
    const ns = `${which}-objects`;

    const same = (command: string | readonly string[], typed: Typed = {}) =>
      beside.same(command, { older, ...typed });

    /** The object as it is stored, without what each cluster gives out itself. */
    // Who manages which field is compared write by write in the tests of server-side apply: here
    // the
    // order of managers hangs on the second in which each wrote.
    const stored = (what: string) =>
      same(`get ${what} -n ${ns} -o yaml`, { without: withoutAllocated });

    test(`${which} kubectl: create`, async () => {
      await same(`create namespace ${ns}`);
      for (const command of [
        'configmap c --from-literal=a=b --from-literal=c=d',
        'secret generic s --from-literal=user=ada --from-literal=password=secret',
        'serviceaccount robot',
        'deployment made --image=nginx --replicas=3 --port=80',
        'job once --image=busybox',
        'role reader --verb=get,list --resource=pods,configmaps',
        `rolebinding readers --role=reader --serviceaccount=${ns}:robot --user=ada`,
        `clusterrole ${which}-nodes --verb=get --resource=nodes`,
        `clusterrolebinding ${which}-nodes --clusterrole=${which}-nodes --group=ops`,
        'service clusterip web --tcp=80:8080',
        'service externalname out --external-name=example.com',
        'quota small --hard=pods=50,configmaps=20',
        'poddisruptionbudget web --selector=app=web --min-available=1',
        `priorityclass ${which}-high --value=5`,
        'ingress web --rule=example.com/bar=web:80',
      ]) {
        await same(`create ${command} -n ${ns}`);
      }
      await same([
        'create',
        'cronjob',
        'often',
        '-n',
        ns,
        '--image=busybox',
        '--schedule=*/5 * * * *',
      ]);
      await same(`autoscale deployment made -n ${ns} --min=2 --max=5`);
      for (const what of [
        ...['cm/c', 'secret/s', 'sa/robot', 'deploy/made', 'role/reader', 'rolebinding/readers'],
        ...[
          `clusterrole/${which}-nodes`,
          `clusterrolebinding/${which}-nodes`,
          'svc/web',
          'svc/out',
        ],
        ...['pdb/web', `priorityclass/${which}-high`, 'ingress/web', 'hpa/made'],
        'cronjob/often',
      ]) {
        await stored(what);
      }
      // Nobody counts in the cluster beside, which has no controllers.
      await same(`get quota/small -n ${ns} -o jsonpath={.spec}`);
      beside.settle();
    });

    test(`${which} kubectl: create refused, dry runs, generated names`, async () => {
      await same(`create configmap c -n ${ns} --from-literal=a=b`);
      await same('create configmap c -n nowhere --from-literal=a=b');
      await same(`create deployment Wrong_Name -n ${ns} --image=nginx`);
      await same(`create configmap dry -n ${ns} --from-literal=a=b --dry-run=server`);
      await same(`create configmap dry -n ${ns} --from-literal=a=b --dry-run=server -o yaml`);
      await same(`get configmap dry -n ${ns}`);
      const generated = `apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-, namespace: ${ns}}\n`;
      await same('create -f -', {
        input: generated,
        without: (text) =>
          text.replace(/gen-\w{5}/, 'gen-<suffix>').replace('configmap/kube-root-ca.crt\n', ''),
      });
      await same('create -f -', { input: app(ns) });
      await same('create -f -', { input: app(ns) });
      await same('delete -f -', { input: app(ns) });
      beside.settle();
    });

    test(`${which} kubectl: create secret tls`, async () => {
      const { folder } = beside.federation;
      const pki = join(beside.federation.dataDir, 'pki');
      const args = `--cert=${join(pki, 'server.crt')} --key=${join(pki, 'server.key')}`;
      await same(`create secret tls pair -n ${ns} ${args}`);
      await stored('secret/pair');
      const broken = join(folder, 'broken.crt');
      await writeFile(broken, 'no certificate');
      await same(
        `create secret tls bad -n ${ns} --cert=${broken} --key=${join(pki, 'server.key')}`,
      );
      beside.settle();
    });

    test(`${which} kubectl: apply, change, remove a field, diff`, async () => {
      const changed = (text: string): string =>
        text
          .replace('b: "2"', 'c: "3"')
          .replace('replicas: 4', 'replicas: 6')
          .replace(/, env: \[.*\]/, '');
      await same('apply -f -', { input: app(ns) });
      await same('apply -f -', { input: app(ns) });
      await stored('deploy/web');
      await same('diff -f -', { input: app(ns, changed), without: withoutHunks });
      await same('apply -f - --dry-run=server', { input: app(ns, changed) });
      await same('apply -f -', { input: app(ns, changed) });
      await stored('deploy/web');
      await stored('cm/conf');
      await same('diff -f -', { input: app(ns, changed) });
      await same('apply -f - --prune -l tier=nothing', { input: app(ns, changed) });
      await same('apply view-last-applied cm/conf -n '.concat(ns));
      const wrong = (text: string): string => text.replace('replicas: 4', 'replicas: many');
      // The real server finds the wrong type in the patch, we in the object: other words, same
      // refusal.
      await same('apply -f -', { input: app(ns, wrong), codeOnly: true });
      const unknown = (text: string): string => text.replace('replicas: 4', 'replica: 4');
      await same('apply -f -', { input: app(ns, unknown), without: withoutPatchValue });
      await same('apply -f -', { input: 'kind: Nope\napiVersion: nope/v1\nmetadata: {name: x}\n' });
      await same('apply -f -', { input: 'kind: ConfigMap\n  broken: [' });
      beside.settle();
    });

    test(`${which} kubectl: apply on the server, conflicts, force`, async () => {
      const mine = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa, namespace: ${ns}}\n`;
      const server = 'apply --server-side -f -';
      await same(server, { input: `${mine}data: {a: "1", b: "2"}\n` });
      await same(`${server} --field-manager=other`, { input: `${mine}data: {a: "9"}\n` });
      await same(`${server} --field-manager=other --force-conflicts`, {
        input: `${mine}data: {a: "9"}\n`,
      });
      await stored('cm/ssa');
      await same(server, { input: `${mine}data: {a: "1", b: "2"}\n` });
      await same(server, { input: `${mine}data: {}\n` });
      await stored('cm/ssa');
      await same(`${server} --dry-run=server`, { input: `${mine}data: {z: "1"}\n` });
      // What was applied by the client goes over to the server's bookkeeping.
      await same(server, { input: app(ns) });
      await same(`${server} --force-conflicts`, { input: app(ns) });
      await stored('deploy/web');
      await same('diff --server-side -f -', {
        input: app(ns, (text) => text.replace('1.25', '1.26')),
        without: withoutHunks,
      });
      beside.settle();
    });

    test(`${which} kubectl: edit`, async () => {
      const change = await editor(
        'change',
        's/nginx:1.25/nginx:1.24/; s/replicas: [0-9]*/replicas: 5/',
      );
      await same(`edit deploy web -n ${ns}`, { env: { EDITOR: change } });
      await stored('deploy/web');
      await same(`edit deploy web -n ${ns}`, { env: { EDITOR: 'true' } });
      await same(`edit deploy nope -n ${ns}`, { env: { EDITOR: 'true' } });
      const wrong = await editor('wrong', 's/replicas: [0-9]*/replicas: many/', 'many');
      await same(`edit deploy web -n ${ns}`, { env: { EDITOR: wrong } });
      beside.settle();
    });

    test(`${which} kubectl: patch, label, annotate, scale, set, replace`, async () => {
      const patch = (type: string, body: string, more = '') => {
        const words = `patch deploy web -n ${ns} --type=${type}${more}`.split(' ');
        return same([...words, '-p', body], { without: withoutPatchValue });
      };
      const image = (name: string): string =>
        `{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"${name}"}]}}}}`;
      await patch('strategic', image('nginx:1.26'));
      await patch('strategic', image('nginx:1.26'));
      await patch('merge', '{"spec":{"replicas":4}}');
      await patch('json', '[{"op":"replace","path":"/spec/replicas","value":3}]');
      await patch('merge', '{"spec":{"replicas":2}}', ' --subresource=scale');
      await patch('merge', '{"spec":{"nope":4}}');
      await patch('merge', '{"spec":{"replicas":"x"}}');
      await patch(
        'merge',
        '{"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}',
      );
      // Ours says which operation it does not know.
      const unknown = `patch deploy web -n ${ns} --type=json -p`.split(' ');
      await same([...unknown, '[{"op":"nope"}]'], { codeOnly: true });
      await patch('json', '{');
      await patch('merge', '[]');
      const refused = await beside.ours(
        [
          ...`patch deploy web -n ${ns} --type=json -p`.split(' '),
          '[{"op":"remove","path":"/nope"}]',
        ],
        { older },
      );
      assert.match(refused.stderr, /rejected our request due to an error in our request/);
      for (const words of ['x=y', 'x=z', 'x=z --overwrite', 'x-', 'x-', '--list', 'a=b/c']) {
        await same(`label cm conf -n ${ns} ${words}`);
      }
      await same(`annotate cm conf -n ${ns} note=b`);
      await same(`annotate cm -l tier=web -n ${ns} more=c`);
      await same(`scale deploy web -n ${ns} --replicas=3`);
      await same(`scale deploy web -n ${ns} --replicas=5 --current-replicas=9`);
      await same(`scale deploy nope -n ${ns} --replicas=5`);
      await same(`set image deploy/web nginx=nginx:1.27 -n ${ns}`);
      await same(`set env deploy/web B=2 -n ${ns}`);
      await same(`set resources deploy/web -n ${ns} --limits=cpu=200m,memory=64Mi`);
      await same(`rollout restart deploy/web -n ${ns}`);
      await same(`rollout pause deploy/web -n ${ns}`);
      await same(`rollout pause deploy/web -n ${ns}`);
      await same(`rollout resume deploy/web -n ${ns}`);
      await stored('deploy/web');
      await same('replace -f -', { input: app(ns) });
      await stored('deploy/web');
      await same('replace -f -', { input: app(ns, (text) => text.replaceAll('web', 'nope')) });
      beside.settle();
    });

    test(`${which} kubectl: finalizers and delete`, async () => {
      await same(['patch', 'cm', 'conf', '-n', ns, '-p', '{"metadata":{"finalizers":["a.b/c"]}}']);
      await same(`delete cm conf -n ${ns} --wait=false`);
      await same(`get cm conf -n ${ns} -o jsonpath={.metadata.finalizers}`);
      await same(`delete cm conf -n ${ns} --timeout=1s`);
      await same(['patch', 'cm', 'conf', '-n', ns, '-p', '{"metadata":{"finalizers":["b.b/c"]}}']);
      await same(['patch', 'cm', 'conf', '-n', ns, '-p', '{"metadata":{"finalizers":null}}']);
      await same(`get cm conf -n ${ns}`);
      await same(`delete cm nope -n ${ns}`);
      await same(`delete cm nope -n ${ns} --ignore-not-found`);
      await same(`delete secret s -n ${ns} --dry-run=server`);
      await same(`delete secret s -n ${ns}`);
      await same(`label cm c -n ${ns} gone=yes`);
      await same(`delete cm,secret -n ${ns} -l gone=yes`);
      await same(`get cm,secret -n ${ns} -o name`, {
        without: (text) =>
          text.replace(/gen-\w{5}/, 'gen-<suffix>').replace('configmap/kube-root-ca.crt\n', ''),
      });
      await same(`delete role,rolebinding --all -n ${ns}`);
      await same(`get role,rolebinding -n ${ns}`);
      // Nobody takes the orphan finalizer off in the cluster beside, which has no controllers.
      const orphaned = await beside.ours(`delete deploy web -n ${ns} --cascade=orphan`, { older });
      assert.equal(orphaned.code, 0, orphaned.stderr);
      await same(`delete clusterrole ${which}-nodes`);
      await same(`delete clusterrolebinding ${which}-nodes`);
      await same(`delete priorityclass ${which}-high`);
      beside.settle();
    });
  }

  /**
   * An editor that runs sed; seeing `stopAt` in the file again, it empties it: kubectl gives up.
   */
  async function editor(name: string, script: string, stopAt?: string): Promise<string> {
    const path = join(beside.federation.folder, `${name}.sh`);
    const edit = `sed -i '${script}' "$1"`;
    const stop = `if grep -q 'replicas: ${stopAt}' "$1"; then : > "$1"; else ${edit}; fi`;
    await writeFile(path, `#!/bin/sh\n${stopAt === undefined ? edit : stop}\n`);
    await chmod(path, 0o755);
    return path;
  }
});

const allocated =
  /^ *(currentMetrics|clusterIP|clusterIPs|ipFamilies|ipFamilyPolicy|nodePort|healthCheckNodePort):.*$|^ *- (IPv4|10\.96\.[\d.]+)$/;

/** Addresses of Services are given out by each member, and metrics counted there. */
function withoutAllocated(text: string): string {
  return text
    .split('\n')
    .filter((line) => !allocated.test(line))
    .join('\n');
}

/** kubectl diff counts lines, of which ours has fewer: controllers add annotations. */
function withoutHunks(text: string): string {
  return text.replaceAll(/^(@@ .* @@|diff .*|--- .*|\+\+\+ .*)$/gm, '<place>');
}

/** The refused patch is shown by both, at different length. */
function withoutPatchValue(text: string): string {
  return text.replaceAll(/Invalid value: "(\\.|[^"\\])*"/g, 'Invalid value: <patch>');
}
