/** What kubectl sees of admission: the federation's own, and what a member says beforehand. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Joined } from './joined.ts';
import { startWebhook } from './webhook.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const group = 'admissionregistration.k8s.io';

const deployment = (name: string, namespace: string, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image: 'web:1', ...more }] },
    },
  },
});

/** A policy that refuses what the expression is false of, in one namespace. */
const policy = (name: string, namespace: string, expression: string) => [
  {
    apiVersion: `${group}/v1`,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        resourceRules: [
          {
            operations: ['CREATE', 'UPDATE'],
            apiGroups: ['apps'],
            apiVersions: ['v1'],
            resources: ['deployments'],
          },
        ],
      },
      validations: [{ expression, message: `${name} says no` }],
    },
  },
  {
    apiVersion: `${group}/v1`,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  },
];

describe('admission seen by kubectl', { skip: !required && !membersAvailable('bare') }, () => {
  let joined: Joined;

  before(async () => {
    joined = await Joined.start([{ name: 'left', full: false }]);
  });

  after(() => joined?.stop());

  const create = (object: object) => joined.tried('create -f -', object);

  test('what a member would refuse is refused at the door, in a namespace just made, too', async () => {
    await joined.kubectl('create namespace fresh');
    const { code, stderr } = await create(deployment('web', 'fresh', { name: 'Not_A_Name' }));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /The Deployment "web" is invalid: spec\.template\.spec\.containers\[0\]\.name: /,
    );
    await joined.untilIn('left', 'get ns fresh -o jsonpath={.status.phase}', 'Active');
    const again = await create(deployment('web', 'fresh', { image: '' }));
    assert.match(again.stderr, /containers\[0\]\.image: Required value/);
  });

  test('what only one cluster forbids is a warning, and its own warnings are passed on', async () => {
    await joined.kubectl('create namespace warned');
    await joined.untilIn('left', 'get ns warned -o jsonpath={.status.phase}', 'Active');
    const level = 'pod-security.kubernetes.io/warn=restricted';
    await joined.kubectl(`label namespace warned ${level}`);
    await joined.untilIn('left', 'get ns warned --show-labels --no-headers', /warn=restricted/);
    const made = await create(deployment('safe', 'warned'));
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /Warning: would violate PodSecurity "restricted:latest"/);
    for (const object of policy('left-only', 'warned', 'object.spec.replicas > 5'))
      await joined.in('left', 'create -f -', object);
    for (let i = 0; ; i++) {
      const { code, stderr } = await create(deployment(`told${i}`, 'warned'));
      assert.equal(code, 0, stderr);
      if (/cluster left would not take it: .* left-only says no/.test(stderr)) break;
      assert.ok(i < 1000, stderr);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('who updates what cannot be copied, since the name is taken there, is told so', async () => {
    await joined.kubectl('create namespace taken');
    await joined.untilIn('left', 'get ns taken -o jsonpath={.status.phase}', 'Active');
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' } };
    await joined.in('left', 'create -n taken -f -', theirs);
    await joined.kubectl('create configmap web -n taken --from-literal=owner=us');
    await joined.until('get distribution web.configmaps -n taken -o yaml', /reason: NameTaken/);
    const { code, stderr } = await joined.tried('annotate configmap web -n taken owner=us');
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /Warning: cluster left has an object of this name that is not the federation's/,
    );
  });

  test('a quota counts what templates ask for, and stays in the federation', async () => {
    await joined.kubectl('create namespace counted');
    await joined.kubectl('create quota small -n counted --hard=pods=3,requests.cpu=1');
    const cpu = { resources: { requests: { cpu: '300m' } } };
    await joined.kubectl('create -f -', deployment('one', 'counted', cpu));
    const { stderr } = await create(deployment('two', 'counted', cpu));
    assert.equal(
      stderr.trim(),
      'Error from server (Forbidden): error when creating "STDIN": deployments.apps "two" is forbidden: ' +
        'exceeded quota: small, requested: pods=2,requests.cpu=600m, ' +
        'used: pods=2,requests.cpu=600m, limited: pods=3,requests.cpu=1',
    );
    const scaled = await joined.tried('scale deployment one -n counted --replicas=4');
    assert.match(scaled.stderr, /exceeded quota: small, requested: pods=2,requests\.cpu=600m/);
    await joined.until('describe quota small -n counted', /pods +2 +3\nrequests\.cpu +600m +1$/m);
    await joined.kubectl('delete deployment one -n counted');
    await joined.until('describe quota small -n counted', /pods +0 +3$/m);
    const there = await joined.member('left').kubectl('get', 'quota', '-n', 'counted');
    assert.match(there.stderr, /No resources found/);
  });

  test('a policy and a webhook of the federation decide about what is written in it', async () => {
    await joined.kubectl('create namespace ruled');
    for (const object of policy('few', 'ruled', 'object.spec.replicas <= 2'))
      await joined.kubectl('create -f -', object);
    await joined.kubectl('create -f -', deployment('web', 'ruled'));
    // As in one cluster, deployments/scale is another resource; the clusters have the policy, too.
    const scaled = await joined.tried('scale deployment web -n ruled --replicas=3');
    assert.match(scaled.stderr, /^(Warning: cluster left would not take it: .* few says no\n)?$/);
    const applied = await joined.tried('apply -f -', {
      ...deployment('web', 'ruled'),
      spec: { ...deployment('web', 'ruled').spec, replicas: 3 },
    });
    assert.match(
      applied.stderr,
      /is invalid: : ValidatingAdmissionPolicy 'few' with binding 'few' denied request: few says no/,
    );
    const webhook = await startWebhook(`${joined.federation.dataDir}/pki`, ({ object }) =>
      object.metadata.name === 'marked'
        ? [{ op: 'add', path: '/metadata/labels', value: { by: 'webhook' } }]
        : [],
    );
    try {
      await joined.kubectl('create -f -', {
        apiVersion: `${group}/v1`,
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'marks' },
        webhooks: [
          {
            name: 'marks.example.com',
            clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
            rules: [
              {
                operations: ['CREATE'],
                apiGroups: [''],
                apiVersions: ['v1'],
                resources: ['configmaps'],
              },
            ],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ruled' } },
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      });
      await joined.kubectl('create configmap marked -n ruled');
      const label = '-o jsonpath={.metadata.labels.by}';
      assert.equal(await joined.kubectl(`get configmap marked -n ruled ${label}`), 'webhook');
      await joined.untilIn('left', `get configmap marked -n ruled ${label}`, 'webhook');
    } finally {
      await webhook.stop();
    }
    const failed = await joined.tried('create configmap other -n ruled');
    assert.match(
      failed.stderr,
      /Internal error occurred: failed calling webhook "marks\.example\.com": failed to call webhook: Post "https:.*connection refused/,
    );
  });
});
