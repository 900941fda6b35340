/** Services that the federation asks: they run in members, and are reached through one. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { stopMember } from '../../testbed/faults.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Joined } from './joined.ts';
import {
  type Asked,
  backService,
  type ServiceServer,
  service,
  startServiceServer,
} from './service-server.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const namespace = 'hooks';
const group = 'admissionregistration.k8s.io';

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: {
    readonly uid: string;
    readonly name: string;
    readonly userInfo: { readonly username: string };
    readonly desiredAPIVersion?: string;
    readonly objects?: readonly { readonly spec: Record<string, string> }[];
  };
}

function answer({ method, path, body }: Asked): { code?: number; body: unknown } {
  if (method === 'GET') return aggregated(path.split('?', 1)[0]!);
  const review = body as unknown as Review;
  const { uid, desiredAPIVersion, objects } = review.request;
  if (review.kind === 'AdmissionReview')
    return {
      body: {
        ...review,
        response: { uid, allowed: review.request.name !== 'y', status: { message: 'no' } },
      },
    };
  const convertedObjects = objects!.map((object) => ({
    ...object,
    apiVersion: desiredAPIVersion,
    spec: { both: Object.values(object.spec)[0] },
  }));
  return {
    body: { ...review, response: { uid, result: { status: 'Success' }, convertedObjects } },
  };
}

const cups = '/apis/tea.example.org/v1';

/** A group of its own, as an extension API server has it. */
function aggregated(path: string): { code?: number; body: unknown } {
  const cup = { apiVersion: 'tea.example.org/v1', kind: 'Cup', metadata: { name: 'a', uid: 'u' } };
  const collection = `${cups}/namespaces/hooks/cups`;
  if (path === `${collection}/a`) return { body: cup };
  if (path === collection || path === `${cups}/cups`)
    return { body: { apiVersion: 'tea.example.org/v1', kind: 'CupList', items: [cup] } };
  if (path !== cups) return { code: 404, body: {} };
  const verbs = ['get', 'list', 'create'];
  const resources = [{ name: 'cups', singularName: 'cup', namespaced: true, kind: 'Cup', verbs }];
  const kind = 'APIResourceList';
  return { body: { kind, apiVersion: 'v1', groupVersion: 'tea.example.org/v1', resources } };
}

const configuration = (name: string, resource: string, more: object = {}) => ({
  apiVersion: `${group}/v1`,
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name },
  webhooks: [
    {
      name: `${name}.example.com`,
      clientConfig: { service: { namespace, name: 'checks', path: '/check', ...more } },
      rules: [
        { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: [resource] },
      ],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    },
  ],
});

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'servers.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'servers', kind: 'Server' },
    conversion: {
      strategy: 'Webhook',
      webhook: {
        clientConfig: { service: { namespace, name: 'checks', path: '/convert' } },
        conversionReviewVersions: ['v1'],
      },
    },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: { type: 'object', additionalProperties: { type: 'string' } },
          },
        },
      },
    })),
  },
};

describe('Services that the federation calls', {
  skip: !required && !membersAvailable('bare'),
}, () => {
  let joined: Joined;
  let server: ServiceServer;

  before(async () => {
    const members = ['left', 'right'].map((name) => ({ name, full: false }));
    joined = await Joined.start(members);
    server = await startServiceServer(joined, answer);
    await joined.kubectl(`create namespace ${namespace}`);
    await joined.kubectl('create -f -', service(namespace, 'checks'));
  });

  after(async () => {
    await server?.stop();
    await joined?.stop();
  });

  test('a Service that no cluster brings us to refuses as in kube-apiserver', async () => {
    const create = 'create configmap x -n hooks';
    const failing = 'failed calling webhook "a.example.com": failed to call webhook: Post ';
    const cases = [
      [{ name: 'absent' }, 'service "absent" not found'],
      [{ port: 9 }, 'no service port 9 found for service "checks"'],
    ] as const;
    await joined.untilIn('left', 'get service checks -n hooks -o name', 'service/checks');
    for (const [more, why] of cases) {
      await joined.in('left', 'apply -f -', configuration('real', 'configmaps', more));
      const url = `https://${'name' in more ? 'absent' : 'checks'}.hooks.svc`;
      const expected = `${failing}"${url}:${'port' in more ? 9 : 443}/check?timeout=10s": ${why}`;
      await joined.kubectl('apply -f -', configuration('a', 'configmaps', more));
      const refused = await joined.tried(create);
      assert.ok(refused.stderr.trim().endsWith(expected), refused.stderr);
      await waitUntil({
        what: 'the real one to say the same',
        check: async () => {
          const { stderr } = await joined.member('left').kubectl(...create.split(' '));
          return stderr === refused.stderr.replaceAll('a.example.com', 'real.example.com');
        },
        everyMs: 200,
      });
    }
    await joined.in('left', 'delete validatingwebhookconfiguration real');
    await joined.kubectl('apply -f -', configuration('a', 'configmaps'));
    const refused = await joined.tried(create);
    assert.match(refused.stderr, /\?timeout=10s": no endpoints available for service "checks"/);
    await joined.kubectl(`delete validatingwebhookconfiguration a`);
  });

  test('a webhook is asked as the writer, through the member that leads to it, once', async () => {
    const { address, port } = server;
    await backService(joined, 'right', { namespace, name: 'checks', address, port });
    await joined.kubectl('create -f -', configuration('b', 'configmaps'));
    const denied = /admission webhook "b\.example\.com" denied the request: no/;
    let refused = await joined.tried('create configmap y -n hooks');
    for (let i = 0; i < 500 && !denied.test(refused.stderr); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      refused = await joined.tried('create configmap y -n hooks');
    }
    assert.match(refused.stderr, denied);
    const asked = server.asked.at(-1)!;
    assert.equal(asked.path, '/check?timeout=10s');
    assert.equal((asked.body as unknown as Review).request.userInfo.username, 'admin');
    assert.equal(asked.headers.authorization, undefined, 'the token of a member goes no further');
  });

  test('copies of a webhook pass over what the federation writes, and judge what others write', async () => {
    const condition = '-o jsonpath={.webhooks[0].matchConditions[0].name}';
    const get = `get validatingwebhookconfiguration b ${condition}`;
    await joined.untilIn('right', get, 'ubernetes.dev/not-by-the-federation');
    const own = await joined.kubectl(get);
    assert.equal(own, '');
    const before = server.asked.length;
    await joined.kubectl('create configmap passes -n hooks');
    for (const member of ['left', 'right'])
      await joined.untilIn(member, 'get configmap passes -n hooks -o name', 'configmap/passes');
    const users = server.asked.slice(before).map(({ body }) => (body as unknown as Review).request);
    assert.deepEqual(
      users.map(({ userInfo }) => userInfo.username),
      ['admin'],
    );
    // Nothing routes to Services of the testbed, so that a member fails to call what it should.
    const others = await joined.member('right').kubectl('create', 'configmap', 'o', '-n', 'hooks');
    assert.match(others.stderr, /failed calling webhook "b\.example\.com"/);
    await joined.kubectl('delete validatingwebhookconfiguration b');
  });

  test('a copy of an earlier version, which acted on our writes, is made to pass over them', async () => {
    const policy = {
      apiVersion: `${group}/v1`,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'old' },
      spec: {
        matchConstraints: {
          resourceRules: [
            { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
          ],
        },
        validations: [{ expression: 'true' }],
      },
    };
    await joined.kubectl('create -f -', policy);
    const condition = '-o jsonpath={.spec.matchConditions[*].name}';
    const get = `get validatingadmissionpolicy old ${condition}`;
    await joined.untilIn('left', get, 'ubernetes.dev/not-by-the-federation');
    await joined.federation.stop();
    const before = { 'ubernetes.dev/hash': 'of-an-earlier-version' };
    const patch = { metadata: { annotations: before }, spec: { matchConditions: null } };
    await joined.in('left', [
      ...['patch', 'validatingadmissionpolicy', 'old', '--type=merge', '-p', JSON.stringify(patch)],
    ]);
    assert.equal(await joined.in('left', get), '');
    await joined.federation.start();
    await joined.untilIn('left', get, 'ubernetes.dev/not-by-the-federation');
  });

  test('a custom kind is converted by a Service', async () => {
    await joined.kubectl('create -f -', definition);
    await joined.until('get servers -n hooks -o name', '');
    const v2 = { apiVersion: 'example.com/v2', kind: 'Server', metadata: { name: 'a', namespace } };
    await joined.kubectl('create -f -', { ...v2, spec: { two: 'x' } });
    const spec = '-n hooks -o jsonpath={.spec}';
    assert.equal(await joined.kubectl(`get servers.v1.example.com a ${spec}`), '{"both":"x"}');
    assert.equal(server.asked.at(-1)!.path, '/convert?timeout=30s');
  });

  test('a group that an APIService gives to a Service is served by that, through a member', async () => {
    // No traffic is routed to Services of the testbed: an ExternalName needs none.
    const name = { namespace, name: 'tea' };
    await joined.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: name,
        spec: { type: 'ExternalName', externalName: 'localhost' },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1.tea.example.org' },
        spec: {
          group: 'tea.example.org',
          version: 'v1',
          service: { ...name, port: server.port },
          insecureSkipTLSVerify: true,
          groupPriorityMinimum: 1000,
          versionPriority: 10,
        },
      },
    );
    const available = '-o jsonpath={.status.conditions[?(@.type=="Available")].status}';
    await joined.until(
      ['get', 'apiservice', 'v1.tea.example.org', ...available.split(' ')],
      'True',
    );
    await joined.until('api-resources --api-group=tea.example.org -o name', 'cups.tea.example.org');
    assert.equal(await joined.kubectl('get cups -n hooks -o name'), 'cup.tea.example.org/a');
    assert.equal(await joined.kubectl('get cup a -n hooks -o jsonpath={.metadata.uid}'), 'u');
    const last = server.asked.findLast(({ path }) => path.startsWith(`${cups}/namespaces/`))!;
    assert.equal(last.headers.authorization, undefined);
    assert.equal(last.headers['impersonate-user'], undefined);
    const none = await joined.tried('get cup a -n hooks --as=ada');
    assert.match(none.stderr, /User "ada" cannot get resource "cups" in API group/);
    const missing = await joined.tried(`get --raw ${cups}/namespaces/hooks/cups/b`);
    assert.match(missing.stderr, /NotFound/);
    await joined.kubectl('delete apiservice v1.tea.example.org');
  });

  test('when the member that led to it is gone, another one leads to it', async () => {
    const { address, port } = server;
    await backService(joined, 'left', { namespace, name: 'checks', address, port });
    await stopMember(joined.member('right'));
    const v2 = { apiVersion: 'example.com/v2', kind: 'Server', metadata: { name: 'b', namespace } };
    await joined.kubectl('create -f -', { ...v2, spec: { two: 'y' } });
  });
});
