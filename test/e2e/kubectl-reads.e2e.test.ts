/**
 * What users look with: describe, explain, get in all its forms, wait, rollout, auth, beside a real
 * cluster.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binaryPath, membersAvailable } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Beside, type Typed } from './beside.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('full', 'older') && 'no testbed';

const objects = (ns: string): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: ${ns}, labels: {tier: web}, annotations: {note: hello}}
data: {a: "1", file: "two\\nlines"}
binaryData: {b: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden, namespace: ${ns}}
stringData: {password: open sesame}
---
apiVersion: v1
kind: Service
metadata: {name: nowhere, namespace: ${ns}}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: ${ns}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: ${ns}}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: ${ns}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: User, name: ada}, {kind: ServiceAccount, name: robot, namespace: ${ns}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: ${ns}}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: ${ns}}
spec: {limits: [{type: Container, default: {cpu: 200m}, defaultRequest: {cpu: 100m}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${ns}, labels: {tier: web}}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1.25", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
`;

describe('what users look with', { skip }, () => {
  let beside: Beside;

  before(async () => {
    beside = await Beside.start({ full: true });
  });

  after(() => beside?.stop());

  for (const older of [false, true]) {
    const which = older ? 'older' : 'current';
    const ns = `${which}-reads`;

    const same = (command: string | readonly string[], typed: Typed = {}) =>
      beside.same(command, { older, ...typed });

    test(`${which} kubectl: apply, rollout status and wait`, async () => {
      await same(`create namespace ${ns}`);
      await beside.until(`get serviceaccount default -n ${ns} -o name`, 'serviceaccount/default');
      await same('apply -f -', { input: objects(ns) });
      await same(`rollout status deploy/web -n ${ns} --timeout=150s`, { without: lastLine });
      await same(`wait deploy/web -n ${ns} --for=condition=Available --timeout=150s`);
      await same(['wait', 'deploy/web', '-n', ns, '--for=jsonpath={.status.readyReplicas}=4']);
      await same(`wait deploy/web -n ${ns} --for=condition=Nothing --timeout=1s`);
      await same(`wait deploy/nope -n ${ns} --for=condition=Available --timeout=1s`);
      await same(`wait deploy/web -n ${ns} --for=create --timeout=60s`);
      await same(`wait deploy/nope -n ${ns} --for=delete --timeout=60s`);
      beside.settle();
    });

    test(`${which} kubectl: get in all its forms`, async () => {
      for (const what of ['deploy,cm', 'secret', 'role,rolebinding', 'netpol', 'limits']) {
        for (const form of ['', ' -o wide', ' --show-labels']) {
          await same(`get ${what} -n ${ns}${form}`);
        }
      }
      await same(`get deploy,cm -n ${ns} -o name`);
      await same(`get deploy,cm -n ${ns} --no-headers`);
      await same(`get deploy web -n ${ns} -o yaml`, { without: withoutConditions });
      await same(`get deploy web -n ${ns} -o json`, { codeOnly: true });
      await same(`get cm conf -n ${ns} -o yaml`);
      await same(`get cm conf -n ${ns} -o json`);
      await same(`get cm -n ${ns} -o custom-columns=N:.metadata.name,T:.metadata.labels.tier`);
      await same(`get cm -n ${ns} -o jsonpath={.items[*].metadata.name}`);
      await same([
        'get',
        'cm',
        '-n',
        ns,
        '-o',
        'go-template={{range .items}}{{.metadata.name}} {{end}}',
      ]);
      await same(`get cm -n ${ns} --sort-by=.metadata.name`);
      await same(`get cm -n ${ns} -l tier=web`);
      await same(`get cm -n ${ns} -l tier!=web`);
      await same(`get cm -n ${ns} --field-selector=metadata.name=conf`);
      await same(`get cm -n ${ns} --field-selector=data.a=1`);
      await same(`get cm -n ${ns} --chunk-size=1`);
      await same(`get cm -n ${ns} -L tier`);
      await same(`get cm nope -n ${ns}`);
      await same(`get cm nope -n ${ns} --ignore-not-found`);
      await same(`get nope -n ${ns}`);
      await same(`get pods.v9.nope -n ${ns}`);
      await same(`get deploy web -n ${ns} --subresource=scale`);
      await same(`get deploy web -n ${ns} --subresource=status`);
      await same('get ns --field-selector=metadata.name=default');
      await same(`get quota -n ${ns}`);
      await same('get cm -A --field-selector=metadata.name=conf');
      beside.settle();
    });

    test(`${which} kubectl: get --watch`, async () => {
      const seen = await Promise.all(
        [beside.federation.kubeconfig, beside.oracle.kubeconfig].map((kubeconfig, index) =>
          watched({
            kubeconfig,
            older,
            ns,
            cache: join(beside.federation.folder, `watch-${index}${older}`),
          }),
        ),
      );
      assert.deepEqual(seen[0], seen[1]);
      assert.equal(seen[0]!.length, 5, seen[0]!.join('\n'));
    });

    test(`${which} kubectl: describe`, async () => {
      for (const what of [
        ...['cm/conf', 'secret/hidden', 'svc/nowhere', 'sa/robot', 'role/reader'],
        ...['rolebinding/readers', 'netpol/closed', 'limits/limits'],
      ]) {
        await same(`describe ${what} -n ${ns}`);
      }
      await same(`describe ns ${ns}`);
      await same('describe clusterrole view', { codeOnly: true });
      await same(`describe deploy web -n ${ns}`, { without: withoutReplicaSets });
      await same(`describe deploy nope -n ${ns}`);
      await same(`describe cm -l tier=web -n ${ns}`);
      beside.settle();
    });

    test(`${which} kubectl: explain and api-resources`, async () => {
      for (const what of [
        ...['deployments', 'deploy.spec.strategy', 'pod.spec.containers.image', 'configmap'],
        ...['cm.data', 'deployment.spec.nope', 'nope', 'crd.spec.versions', 'hpa.spec.metrics'],
      ]) {
        await same(`explain ${what}`);
      }
      await same('explain service --recursive', { codeOnly: true });
      await same('explain deployment --api-version=apps/v1');
      await same('explain hpa --api-version=autoscaling/v1');
      const own = await beside.ours('explain cluster.spec', { older });
      assert.match(own.stdout, /GROUP: +ubernetes.dev[\s\S]*server\t?.*<string> -required-/);
      const named = 'api-resources --no-headers --cached=false -o name';
      const ours = namesOf((await beside.ours(named, { older })).stdout);
      const theirs = namesOf((await beside.theirs(named, { older })).stdout);
      assert.deepEqual(
        theirs.filter((name) => !ours.includes(name)),
        [],
        'not served',
      );
      const more = ours.filter((name) => !theirs.includes(name));
      assert.deepEqual(
        more.filter((name) => !name.endsWith('.ubernetes.dev')),
        [],
        'served, and by no cluster',
      );
      await same('api-resources --api-group=apps --no-headers');
      await same('api-resources --api-group=batch --namespaced=true');
      const versions = await beside.ours('api-versions', { older });
      for (const version of namesOf((await beside.theirs('api-versions', { older })).stdout)) {
        assert.ok(namesOf(versions.stdout).includes(version), `${version} is not served`);
      }
      beside.settle();
    });

    test(`${which} kubectl: autoscalers in both versions`, async () => {
      await same(`autoscale deploy web -n ${ns} --min=1 --max=4 --cpu=50%`, { codeOnly: older });
      if (older) await same(`autoscale deploy web -n ${ns} --min=1 --max=4 --cpu-percent=50`);
      const stable = { without: withoutAutoscaling };
      await same(`get hpa.v1.autoscaling web -n ${ns} -o yaml`, stable);
      await same(`get hpa.v2.autoscaling web -n ${ns} -o yaml`, stable);
      const v1 = `apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: old, namespace: ${ns}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nope}
  maxReplicas: 5
  targetCPUUtilizationPercentage: 70
`;
      await same('apply -f -', { input: v1 });
      await same('apply -f -', { input: v1.replace('70', '60') });
      await same('apply -f -', { input: v1.replace('70', 'many'), codeOnly: true });
      const patch = ['patch', 'hpa.v1.autoscaling', 'old', '-n', ns, '--type=merge', '-p'];
      await same([...patch, '{"spec":{"maxReplicas":6}}']);
      for (const version of ['v1', 'v2']) {
        await same(`get hpa.${version}.autoscaling old -n ${ns} -o yaml`, stable);
        await same(`get hpa.${version}.autoscaling -n ${ns}`, { without: withoutReplicas });
      }
      await same(`delete hpa.v1.autoscaling old web -n ${ns}`);
      await same(`get hpa -n ${ns}`);
      beside.settle();
    });

    test(`${which} kubectl: auth and tokens`, async () => {
      await same('auth whoami', { codeOnly: true });
      const { stdout } = await beside.ours('auth whoami -o json', { older });
      assert.equal(JSON.parse(stdout).status.userInfo.username, 'admin');
      await same('auth can-i create deployments');
      await same('auth can-i create deployments --as=ada');
      await same(`auth can-i list pods --as=ada -n ${ns}`);
      await same(`auth can-i list pods --as=system:serviceaccount:${ns}:robot -n ${ns}`);
      await same(`auth can-i delete pods --as=system:serviceaccount:${ns}:robot -n ${ns}`);
      await same('auth can-i nope nope');
      await same(`auth can-i --list --as=ada -n ${ns}`, { without: sortedLines });
      await same(`get pods --as=ada -n ${ns}`, { codeOnly: true });
      await same(`get secrets --as=ada -n ${ns}`);
      await same('get nodes --as=ada');
      const token = (await beside.ours(`create token robot -n ${ns} --duration=10m`, { older }))
        .stdout;
      const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
      assert.equal(claims.sub, `system:serviceaccount:${ns}:robot`);
      assert.equal(claims.exp - claims.iat, 600);
      const asRobot = `--kubeconfig=/dev/null --server=${await serverOf()} --token=${token.trim()}`;
      const authority = `--certificate-authority=${join(beside.federation.dataDir, 'pki', 'ca.crt')}`;
      const who = await beside.ours(`auth whoami ${asRobot} ${authority} -o json`, { older });
      assert.equal(who.code, 0, who.stderr);
      assert.match(who.stdout, new RegExp(`"username": "system:serviceaccount:${ns}:robot"`));
      await same(`create token nope -n ${ns}`);
      await same(`create token robot -n ${ns} --duration=1s`);
      beside.settle();
    });

    test(`${which} kubectl: an edit that fails validation is given back, and can be mended`, async () => {
      const path = join(beside.federation.folder, `${which}-editor.sh`);
      // First a wrong value, then, seeing the server's word for it in the file, the right one.
      const script = `#!/bin/sh
if grep -q 'containerPort: 99999' "$1"; then sed -i 's/containerPort: 99999/containerPort: 81/' "$1"
else sed -i 's/containerPort: 80/containerPort: 99999/' "$1"; fi
`;
      await writeFile(path, script);
      await chmod(path, 0o755);
      await same(`edit deploy web -n ${ns}`, { env: { EDITOR: path } });
      const port = '{.spec.template.spec.containers[0].ports[0].containerPort}';
      await same(`get deploy web -n ${ns} -o jsonpath=${port}`);
      beside.settle();
    });

    test(`${which} kubectl: rollout restart, history, undo, pause`, async () => {
      await same(`rollout restart deploy/web -n ${ns}`);
      await same(`rollout status deploy/web -n ${ns} --timeout=150s`, { without: lastLine });
      await same(`rollout pause deploy/web -n ${ns}`);
      await same(`rollout resume deploy/web -n ${ns}`);
      await same(`scale deploy/web -n ${ns} --replicas=2`);
      await same(`rollout status deploy/web -n ${ns} --timeout=150s`, { without: lastLine });
      await same(`scale deploy/web -n ${ns} --replicas=0`);
      await same(
        `wait deploy/web -n ${ns} --for=jsonpath={.status.observedGeneration} --timeout=150s`,
      );
      beside.settle();
    });

    test(`${which} kubectl: delete namespace waits until all is gone`, async () => {
      await same(`delete namespace ${ns} --timeout=150s`);
      await same(`get namespace ${ns}`);
      await same(`get cm -n ${ns}`);
      for (const member of beside.members) {
        await waitUntil({
          what: `${ns} to go from ${member.name}`,
          check: async () => (await member.kubectl('get', 'ns', ns)).code !== 0,
        });
      }
      beside.settle();
    });
  }

  async function serverOf(): Promise<string> {
    const words = ['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}'];
    return (await beside.ours(words)).stdout;
  }
});

/** Starts a watch, makes, changes and deletes an object; the lines that kubectl printed. */
async function watched(where: {
  kubeconfig: string;
  older: boolean;
  ns: string;
  cache: string;
}): Promise<string[]> {
  const { kubeconfig, older, ns, cache } = where;
  const settings = { KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false', KUBECACHEDIR: cache };
  const env = { ...process.env, ...settings };
  const kubectl = binaryPath(older ? 'older/kubectl' : 'kubectl');
  const columns = '-o=custom-columns=N:.metadata.name,X:.data.x';
  const words = ['get', 'cm', '-n', ns, '-l', 'seen=yes', '-w', '--output-watch-events'];
  const child = spawn(kubectl, [...words, columns], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const lines = (): string[] => namesOf(output).map((line) => line.replaceAll(/\s+/g, ' '));
  const type = async (...args: string[]): Promise<void> => {
    const run = spawn(kubectl, [...args, '-n', ns], { env, stdio: 'ignore' });
    const code = await new Promise((resolve) => run.once('close', resolve));
    assert.equal(code, 0, args.join(' '));
  };
  try {
    await type('create', 'cm', 'seen', '--from-literal=x=1');
    await type('label', 'cm', 'seen', 'seen=yes');
    await waitUntil({ what: 'the first event', check: async () => lines().length >= 2 });
    await type('patch', 'cm', 'seen', '-p', '{"data":{"x":"2"}}');
    await type('label', 'cm', 'seen', 'seen=no', '--overwrite');
    await type('delete', 'cm', 'seen');
    await waitUntil({ what: 'the last event', check: async () => lines().length >= 4 });
    return [...lines(), 'end'];
  } finally {
    child.kill();
  }
}

function namesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** How many replicas were seen on the way is a matter of moments. */
function lastLine(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('Waiting for'))
    .join('\n');
}

/** When conditions changed and which replica set they name. */
function withoutConditions(text: string): string {
  return text
    .replaceAll(/message: .*(\n {6,}.*)?/g, 'message: <message>')
    .replace(/^ deployment.kubernetes.io\/revision.*\n/m, '')
    .replaceAll(/web-[0-9a-f]{6,}/g, 'web-<hash>');
}

/** What the controller says of it, which has no metrics here. */
function withoutAutoscaling(text: string): string {
  return text
    .replaceAll(/^ autoscaling.alpha.kubernetes.io\/(conditions|current-metrics): .*\n/gm, '')
    .replace(/^ annotations:\n(?! )/m, '')
    .replace(/^status:[\s\S]*/m, 'status: <status>');
}

function withoutReplicas(text: string): string {
  return text.replaceAll(/ \d+ <age>$/gm, ' <replicas> <age>');
}

/** Replica sets are in the members, and so are the events about them. */
function withoutReplicaSets(text: string): string {
  return text
    .replaceAll(/^(OldReplicaSets|NewReplicaSet|Annotations):.*\n/gm, '')
    .replace(/^Events:[\s\S]*/m, 'Events: <events>');
}

function sortedLines(text: string): string {
  return text.split('\n').sort().join('\n');
}
