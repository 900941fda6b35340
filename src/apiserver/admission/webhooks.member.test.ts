import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../../testbed/binaries.ts';
import { waitUntil } from '../../../testbed/waiting.ts';
import { type JsonObject, valueAt } from '../../kube/object.ts';
import { type Behaviour, type Both, comparable, type Sent, startBoth } from './both.fixture.ts';

type Review = JsonObject & { request: JsonObject & { uid: string; object: JsonObject | null } };

function answering(response: object): Behaviour {
  return (review) => ({
    body: {
      apiVersion: review['apiVersion'],
      kind: 'AdmissionReview',
      response: { uid: (review as Review).request.uid, allowed: true, ...response },
    },
  });
}

function patching(patch: unknown, more: object = {}): Behaviour {
  const bytes = Buffer.from(typeof patch === 'string' ? patch : JSON.stringify(patch));
  return answering({ patch: bytes.toString('base64'), patchType: 'JSONPatch', ...more });
}

function denying(status?: object): Behaviour {
  return answering({ allowed: false, ...(status === undefined ? {} : { status }) });
}

/** Adds one mark more than there are: shows how often and in which order webhooks ran. */
function marking(mark: string): Behaviour {
  return (review) => {
    const { object } = (review as Review).request;
    const data = (object?.['data'] ?? {}) as Record<string, string>;
    const op = data['marks'] === undefined ? 'add' : 'replace';
    const value = `${data['marks'] ?? ''}${mark}`;
    return patching([{ op, path: '/data/marks', value }])(review);
  };
}

const behaviours: Readonly<Record<string, Behaviour>> = {
  allow: answering({}),
  warn: answering({ warnings: ['first', 'second "quoted"'] }),
  deny: denying({ code: 403, message: 'not today' }),
  denyReason: denying({ reason: 'Forbidden' }),
  denyInvalid: denying({
    code: 422,
    reason: 'Invalid',
    message: 'bad data',
    details: { causes: [{ field: 'data.k', reason: 'FieldValueInvalid', message: 'bad' }] },
  }),
  denyBare: denying(),
  denySuccess: denying({ status: 'Success', code: 200 }),
  badUid: answering({ uid: 'other' }),
  absent: () => ({ body: { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' } }),
  wrongKind: () => ({ body: { apiVersion: 'admission.k8s.io/v1', kind: 'Review' } }),
  wrongVersion: (review) => ({
    body: {
      apiVersion: 'admission.k8s.io/v1alpha1',
      kind: 'AdmissionReview',
      response: { uid: (review as Review).request.uid, allowed: true },
    },
  }),
  error500: () => ({ code: 500, body: 'boom' }),
  error404: () => ({ code: 404, body: 'nothing' }),
  error503: () => ({ code: 503, body: 'nothing' }),
  hang: () => undefined,
  label: patching([{ op: 'add', path: '/metadata/labels/touched', value: 'yes' }]),
  same: patching([{ op: 'add', path: '/metadata/labels/case', value: 'same' }]),
  emptyPatch: patching([]),
  badPath: patching([{ op: 'remove', path: '/data/missing' }]),
  undecodable: patching('{'),
  untyped: patching([{ op: 'add', path: '/data/x', value: 'y' }], { patchType: undefined }),
  oddType: patching([{ op: 'add', path: '/data/x', value: 'y' }], { patchType: 'Merge' }),
  patchNot: answering({ patchType: 'JSONPatch' }),
  fix: patching([{ op: 'add', path: '/spec/selector', value: { matchLabels: { a: 'b' } } }]),
  unknownField: patching([{ op: 'add', path: '/colour', value: 'red' }]),
  wrongTypeField: patching([{ op: 'add', path: '/data', value: 'red' }]),
  a: marking('a'),
  b: marking('b'),
  c: marking('c'),
  replicas: patching([{ op: 'replace', path: '/spec/replicas', value: 7 }]),
};

interface HookSpec {
  readonly does: string;
  readonly mutating?: boolean;
  readonly [field: string]: unknown;
}

interface Case {
  readonly name: string;
  readonly hooks: readonly HookSpec[];
  readonly sent: readonly Sent[];
}

const maps = '/api/v1/namespaces/team/configmaps';
const deployments = '/apis/apps/v1/namespaces/team/deployments';
const query = '?fieldManager=test&fieldValidation=Strict';

function map(name: string, more: object = {}): Sent {
  const metadata = { name, labels: { case: name } };
  return {
    method: 'POST',
    path: maps + query,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { k: 'v' }, ...more },
  };
}

function deployment(name: string, spec: object = {}): Sent {
  const container = { name: 'c', image: 'nginx' };
  return {
    method: 'POST',
    path: deployments + query,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, labels: { case: name } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
        ...spec,
      },
    },
  };
}

/** One configuration map is created while these behave. */
function created(does: string, hook: object = {}, mutating = false): Case {
  const kind = mutating ? 'm' : 'v';
  const name = [kind, does, ...Object.values(hook)].join('-').replaceAll(',', '-').toLowerCase();
  return { name, hooks: [{ does, mutating, ...hook }], sent: [map(name)] };
}

const onDeployments = {
  rules: [
    {
      operations: ['*'],
      apiGroups: ['apps'],
      apiVersions: ['v1'],
      resources: ['deployments', 'deployments/scale', 'deployments/status'],
    },
  ],
};

const cases: readonly Case[] = [
  ...['allow', 'warn', 'deny', 'denyReason', 'denyInvalid', 'denyBare', 'denySuccess', 'badUid']
    .concat(['absent', 'wrongKind', 'wrongVersion', 'error500', 'error404', 'error503', 'label'])
    .map((does) => created(does)),
  ...['label', 'emptyPatch', 'badPath', 'undecodable', 'untyped', 'oddType', 'patchNot', 'deny']
    .concat(['unknownField', 'wrongTypeField'])
    .map((does) => created(does, {}, true)),
  ...['error500', 'badUid', 'deny'].map((does) => created(does, { failurePolicy: 'Ignore' })),
  created('undecodable', { failurePolicy: 'Ignore' }, true),
  created('badPath', { failurePolicy: 'Ignore' }, true),
  created('hang', { timeoutSeconds: 1 }),
  created('hang', { timeoutSeconds: 1, failurePolicy: 'Ignore' }),
  created('allow', { matchPolicy: 'Exact' }),
  created('deny', { admissionReviewVersions: ['v1beta1', 'v1'] }),
  {
    name: 'writes',
    hooks: [{ does: 'label', mutating: true }, { does: 'warn' }],
    sent: [
      map('writes'),
      {
        method: 'PUT',
        path: `${maps}/writes${query}`,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'writes', labels: { case: 'writes' } },
          data: { k: 'w' },
        },
      },
      { method: 'PATCH', path: `${maps}/writes${query}`, body: { data: { more: 'x' } } },
      {
        method: 'PATCH',
        path: `${maps}/writes${query}&force=true`,
        contentType: 'application/apply-patch+yaml',
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'writes', labels: { case: 'writes' } },
          data: { applied: 'x' },
        },
      },
      { method: 'DELETE', path: `${maps}/writes?gracePeriodSeconds=3` },
    ],
  },
  {
    name: 'dry',
    hooks: [{ does: 'label', mutating: true, sideEffects: 'NoneOnDryRun' }],
    sent: [{ ...map('dry'), path: `${maps}${query}&dryRun=All` }, map('dry')],
  },
  {
    name: 'refuses-delete',
    hooks: [{ does: 'deny', operations: ['DELETE'] }],
    sent: [map('refuses-delete'), { method: 'DELETE', path: `${maps}/refuses-delete` }],
  },
  {
    name: 'patches-delete',
    hooks: [{ does: 'label', mutating: true, operations: ['DELETE'] }],
    sent: [map('patches-delete'), { method: 'DELETE', path: `${maps}/patches-delete` }],
  },
  {
    name: 'order',
    hooks: [
      { does: 'a', mutating: true, reinvocationPolicy: 'IfNeeded' },
      { does: 'b', mutating: true },
      { does: 'c', mutating: true, reinvocationPolicy: 'IfNeeded' },
    ],
    sent: [map('order')],
  },
  {
    name: 'once',
    hooks: [
      { does: 'a', mutating: true },
      { does: 'allow', mutating: true, reinvocationPolicy: 'IfNeeded' },
    ],
    sent: [map('once')],
  },
  {
    name: 'conditions',
    hooks: [
      { does: 'deny', matchConditions: [{ name: 'no', expression: "object.data.k == 'w'" }] },
      {
        does: 'warn',
        matchConditions: [
          { name: 'yes', expression: "object.data.k == 'v'" },
          { name: 'ada', expression: "request.userInfo.username == 'ada'" },
        ],
      },
      {
        does: 'a',
        mutating: true,
        matchConditions: [{ name: 'who', expression: "!('x' in request.userInfo.groups)" }],
      },
    ],
    sent: [map('conditions')],
  },
  {
    name: 'bad-condition',
    hooks: [
      { does: 'allow', matchConditions: [{ name: 'x', expression: "object.data.none == 'w'" }] },
    ],
    sent: [map('bad-condition')],
  },
  {
    name: 'bad-condition-ignored',
    hooks: [
      {
        does: 'deny',
        failurePolicy: 'Ignore',
        matchConditions: [{ name: 'x', expression: "object.data.none == 'w'" }],
      },
    ],
    sent: [map('bad-condition-ignored')],
  },
  {
    name: 'several',
    hooks: [{ does: 'allow' }, { does: 'deny' }, { does: 'allow', mutating: true }],
    sent: [map('several')],
  },
  {
    name: 'selected',
    hooks: [
      { does: 'deny', namespaceSelector: { matchLabels: { other: 'yes' } } },
      { does: 'warn', namespaceSelector: { matchLabels: { team: 'yes' } } },
    ],
    sent: [map('selected')],
  },
  {
    name: 'scoped',
    hooks: [
      { does: 'deny', scope: 'Cluster' },
      { does: 'warn', scope: 'Namespaced' },
    ],
    sent: [map('scoped')],
  },
  {
    name: 'mended',
    hooks: [{ does: 'fix', mutating: true, ...onDeployments }],
    sent: [deployment('mended', { selector: undefined })],
  },
  {
    name: 'workload',
    hooks: [
      { does: 'replicas', mutating: true, ...onDeployments },
      { does: 'warn', ...onDeployments },
    ],
    sent: [
      deployment('workload'),
      { method: 'GET', path: `${deployments}/workload` },
      {
        method: 'PATCH',
        path: `${deployments}/workload/scale${query}`,
        body: { spec: { replicas: 3 } },
      },
      { method: 'GET', path: `${deployments}/workload` },
      {
        method: 'PATCH',
        path: `${deployments}/workload/status${query}`,
        body: { status: { replicas: 1 } },
      },
    ],
  },
  {
    name: 'generated',
    hooks: [{ does: 'label', mutating: true }, { does: 'allow' }],
    sent: [
      {
        method: 'POST',
        path: maps + query,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { generateName: 'generated-', labels: { case: 'generated' } },
        },
      },
    ],
  },
  {
    name: 'namespaces',
    hooks: [{ does: 'warn', namespaceSelector: { matchLabels: { pick: 'me' } } }],
    sent: [
      {
        method: 'POST',
        path: `/api/v1/namespaces${query}`,
        body: {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'picked', labels: { case: 'namespaces', pick: 'me' } },
        },
      },
      {
        method: 'POST',
        path: `/api/v1/namespaces${query}`,
        body: {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'unpicked', labels: { case: 'namespaces' } },
        },
      },
    ],
  },
];

/** Configured last: when they count, all do. */
const probes: readonly Case[] = [
  { name: 'probe-validating', hooks: [{ does: 'deny' }], sent: [] },
  { name: 'probe-mutating', hooks: [{ does: 'deny', mutating: true }], sent: [] },
];

function configurations(one: Case, { url, caBundle }: Both['hooks'], who: string): Sent[] {
  const byKind = Map.groupBy(one.hooks, ({ mutating }) => mutating === true);
  return [...byKind].map(([mutating, hooks]) => {
    const kind = mutating ? 'MutatingWebhookConfiguration' : 'ValidatingWebhookConfiguration';
    const webhooks = hooks.map((spec, index) => {
      const { does, mutating: _, operations = ['*'], scope = '*', ...fields } = spec;
      return {
        name: `h${index}.${does.toLowerCase()}.example.com`,
        clientConfig: { url: `${url}/${who}/${one.name}/${mutating}/${index}/${does}`, caBundle },
        rules: [{ operations, scope, apiGroups: [''], apiVersions: ['v1'], resources: ['*'] }],
        objectSelector: { matchLabels: { case: one.name } },
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        ...fields,
      };
    });
    return {
      method: 'POST',
      path: `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`,
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind,
        metadata: { name: `${one.name}` },
        webhooks,
      },
    };
  });
}

/** Validating webhooks are called at the same time: only the order of mutating ones counts. */
function inOrder(a: { path: string }, b: { path: string }): number {
  if (a.path.includes('/true/') || b.path.includes('/true/')) return 0;
  return a.path < b.path ? -1 : 1;
}

/** Ports, times and names that differ, in texts too. */
function told(value: unknown): string {
  return JSON.stringify(comparable(value), null, 1)
    .replaceAll(/\/(real|ours)\//g, '/who/')
    .replaceAll(/ in scheme [^}]*?go:\d+\\+"/g, '')
    .replaceAll(/generated-[a-z0-9]{5}/g, 'generated-xxxxx')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UID');
}

/**
 * A write to a kube-apiserver begins with what its watch cache holds; when that is behind, the
 * write is repeated and asks its webhooks once more. A read at a version waits for the cache.
 */
async function caughtUp({ real }: Pick<Both, 'real'>, body: JsonObject): Promise<void> {
  const version = valueAt(body, 'metadata', 'resourceVersion');
  const name = valueAt(body, 'metadata', 'name');
  if (typeof version !== 'string' || typeof name !== 'string') return;
  await real({ method: 'GET', path: `${maps}/${name}?resourceVersion=${version}` });
}

test('webhooks see and do what they see and do in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const seen: { path: string; review: JsonObject }[] = [];
  await using both = await startBoth(behaviours, (path, review) => seen.push({ path, review }));
  const namespace = { metadata: { name: 'team', labels: { team: 'yes' } } };
  for (const who of ['real', 'ours'] as const) {
    const made = await both[who]({ method: 'POST', path: '/api/v1/namespaces', body: namespace });
    assert.equal(made.status, 201);
    for (const one of [...cases, ...probes])
      for (const sent of configurations(one, both.hooks, who)) {
        const { status, body } = await both[who](sent);
        assert.equal(status, 201, `${who} ${one.name} ${JSON.stringify(body)}`);
      }
  }
  for (const { name } of probes)
    await waitUntil({
      what: `the configurations up to ${name}`,
      check: async () => {
        const probe = { ...map(name), path: `${maps}?dryRun=All` };
        return (await both.real(probe)).status === 403;
      },
    });
  for (const one of cases)
    await t.test(one.name, async () => {
      const outcome: Record<string, string> = {};
      for (const who of ['real', 'ours'] as const) {
        seen.length = 0;
        const answers = [];
        for (const sent of one.sent) {
          const answer = await both[who](sent);
          answers.push(answer);
          if (who === 'real') await caughtUp(both, answer.body);
        }
        const asked = seen.toSorted(inOrder);
        outcome[who] = told({ answers, asked });
      }
      const [ours, real] = ['ours', 'real'].map((who) => outcome[who]!.split('\n'));
      assert.deepEqual(ours, real);
    });
  await t.test('and count it alike', async () => {
    const { stdout } = await both.fleet.members[0]!.kubectl('get', '--raw', '/metrics');
    const ours = countedIn(both.metrics.render());
    assert.deepEqual(ours, countedIn(stdout));
    assert.ok(ours.length > 50, ours.join());
  });
});

/** Series of webhooks without their values: the real one repeats some calls. */
function countedIn(metrics: string): string[] {
  const series = /^apiserver_admission_webhook_\w+(?:total|count)\{(?!.*"probe)(.*)\} /;
  const lines = metrics.split('\n').filter((line) => series.test(line));
  return lines
    .map((line) => {
      const [name, labels] = line.slice(0, line.lastIndexOf('} ')).split('{') as [string, string];
      return `${name}{${labels.split(',').sort().join()}}`;
    })
    .sort();
}
