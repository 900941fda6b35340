import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { isObject, type JsonObject, objectAt } from '../kube/object.ts';
import { type Got, OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** What differs for a reason: reviewed, and may only shrink. */
const exceptions: readonly { readonly path: RegExp; readonly why: string }[] = [
  {
    path: /\/(nodes|pods|services)\/absent\/(attach|exec|log|portforward|proxy)$/,
    why: 'streams to what runs in members',
  },
  {
    path: /\/services\/absent\/status$/,
    why: 'a PUT of the status of a Service that is not there makes one only there',
  },
  {
    path: /\/componentstatuses/,
    why: 'parts of one cluster that the federation does not have',
  },
];

interface Endpoint {
  readonly path: string;
  /** The path is that of one object's subresource, and not of a collection. */
  readonly single: boolean;
  readonly verbs: readonly string[];
  readonly apiVersion: string;
  readonly kind: string;
}

function listOf(value: JsonObject, field: string): JsonObject[] {
  const list = value[field];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** Every collection and every subresource that a discovery document lists. */
function* endpointsOf(document: JsonObject): Generator<Endpoint> {
  for (const item of listOf(document, 'items')) {
    const group = String(objectAt(item, 'metadata')?.['name'] ?? '');
    for (const served of listOf(item, 'versions')) {
      const version = String(served['version']);
      const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      for (const resource of listOf(served, 'resources')) {
        const inside = resource['scope'] === 'Namespaced' ? '/namespaces/default' : '';
        const path = `${root}${inside}/${resource['resource']}`;
        const about = (one: JsonObject) => ({
          ...{ verbs: one['verbs'] as string[], kind: kindOf(one, 'kind') },
          apiVersion: [kindOf(one, 'group') || group, kindOf(one, 'version') || version]
            .filter((part) => part !== '')
            .join('/'),
        });
        if (resource['verbs'] !== undefined) yield { path, single: false, ...about(resource) };
        for (const part of listOf(resource, 'subresources'))
          yield { path: `${path}/absent/${part['subresource']}`, single: true, ...about(part) };
      }
    }
  }
}

function kindOf(described: JsonObject, field: string): string {
  return String(objectAt(described, 'responseKind')?.[field] ?? '');
}

/** A request of each verb, about what is not there; nothing is changed by it. */
function requestsOf({ path, single, verbs, kind, apiVersion }: Endpoint): Sent[] {
  const one = single ? path : `${path}/absent`;
  const body = { apiVersion, kind, metadata: { name: 'absent' } };
  const requests: Readonly<Record<string, Sent>> = {
    get: { path: one },
    list: { path },
    watch: { path: `${path}?watch=true&timeoutSeconds=1&resourceVersion=nonsense` },
    create: { method: 'POST', path: `${path}?dryRun=All`, body },
    update: { method: 'PUT', path: `${one}?dryRun=All`, body },
    patch: { method: 'PATCH', path: `${one}?dryRun=All`, body: {} },
    delete: { method: 'DELETE', path: `${one}?dryRun=All` },
    deletecollection: {
      method: 'DELETE',
      path: `${path}?dryRun=All&labelSelector=absent`,
    },
  };
  return verbs.map((verb) => requests[verb] ?? assert.fail(`an unknown verb ${verb} of ${path}`));
}

/** What is wrong with a built-in kind's content is found by a member, where there is one. */
function isContent({ status, body }: Got): boolean {
  return status < 300 || (status === 422 && body['reason'] === 'Invalid');
}

test('all that a real kube-apiserver lists is listed, and each verb of it answered alike', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  const [listed, ours] = [new Map<string, Sent[]>(), new Set<string>()];
  const verbsOf = ({ path, verbs }: Endpoint) => `${path} ${[...verbs].sort().join()}`;
  for (const path of ['/api', '/apis']) {
    const sent = { path, headers: { accept } };
    const [own, real] = await Promise.all([both.ours(sent), both.real(sent)]);
    const document = ({ body }: Got) => endpointsOf(body as unknown as JsonObject);
    for (const endpoint of document(own)) ours.add(verbsOf(endpoint));
    for (const endpoint of document(real)) listed.set(verbsOf(endpoint), requestsOf(endpoint));
  }
  assert.deepEqual(
    [...listed.keys()].filter((endpoint) => !ours.has(endpoint)),
    [],
    'not listed',
  );
  const used = new Set<string>();
  for (const sent of [...listed.values()].flat()) {
    const path = sent.path.split('?', 1)[0]!;
    const exception = exceptions.find((one) => one.path.test(path));
    if (exception !== undefined) used.add(exception.why);
    else await both.answeredAlike(sent, isContent);
  }
  both.settle();
  assert.deepEqual(
    exceptions.filter(({ why }) => !used.has(why)),
    [],
    'exceptions for nothing',
  );
});
