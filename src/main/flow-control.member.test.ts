import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { Fairness } from '../apiserver/fairness/fairness.ts';
import { createHandler } from '../apiserver/handler.ts';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import type { JsonObject, KubeObject } from '../kube/object.ts';
import { type Got, OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const group = '/apis/flowcontrol.apiserver.k8s.io/v1';
const schemas = `${group}/flowschemas`;
const levels = `${group}/prioritylevelconfigurations`;

function dangling({ body }: Got): boolean {
  return JSON.stringify(body['status'] ?? {}).includes('"Dangling"');
}

/** Sends it to both until each answer is as wanted. */
async function both(
  { ours, real }: OwnAndReal,
  sent: Sent,
  isWanted: (got: Got) => boolean,
): Promise<void> {
  for (const send of [ours, real])
    await waitUntil({ what: sent.path, check: async () => isWanted(await send(sent)) });
}

test('FlowSchemas and PriorityLevelConfigurations are there and judged as in every cluster', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using pair = await OwnAndReal.start(await ownFederation());
  const judged = ({ body }: Got) =>
    (body as unknown as { items?: KubeObject[] }).items?.length === 11 &&
    (body as unknown as { items: KubeObject[] }).items.every((each) =>
      JSON.stringify(each['status'] ?? {}).includes('Dangling'),
    );
  await both(pair, { path: schemas }, judged);
  await pair.same('defaults', { path: schemas }, { path: levels });
  const rules: JsonObject[] = [
    {
      subjects: [{ kind: 'User', user: { name: 'ada' } }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/version'] }],
    },
  ];
  const spec = { priorityLevelConfiguration: { name: 'mine' }, rules };
  await pair.refusedAlike('new', {
    method: 'POST',
    path: schemas,
    body: { metadata: { name: 'mine' }, spec },
  });
  await both(pair, { path: `${schemas}/mine` }, dangling);
  await pair.same('dangling', { path: `${schemas}/mine` });
  const limited = { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } };
  const level = { metadata: { name: 'mine' }, spec: { type: 'Limited', limited } };
  await pair.refusedAlike('level', { method: 'POST', path: levels, body: level });
  const found = (got: Got) => dangling(got) && JSON.stringify(got.body).includes('"Found"');
  await both(pair, { path: `${schemas}/mine` }, found);
  await pair.same('found', { path: `${schemas}/mine` }, { path: `${levels}/mine` });
  pair.settle();
  // kube-apiserver does so within a minute.
  await pair.ours({ method: 'DELETE', path: `${schemas}/catch-all` });
  const path = `${schemas}/catch-all`;
  const check = async () => dangling(await pair.ours({ path }));
  await waitUntil({ what: 'catch-all', check });
});

test('too many requests are answered as by a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using pair = await OwnAndReal.start(await ownFederation());
  await pair.account('greedy');
  const uids = await Promise.all([
    pair.real({
      method: 'POST',
      path: levels,
      body: {
        metadata: { name: 'narrow' },
        spec: {
          type: 'Limited',
          limited: {
            nominalConcurrencyShares: 0,
            borrowingLimitPercent: 0,
            limitResponse: { type: 'Reject' },
          },
        },
      },
    }),
    pair.real({
      method: 'POST',
      path: schemas,
      body: {
        metadata: { name: 'greedy' },
        spec: {
          priorityLevelConfiguration: { name: 'narrow' },
          matchingPrecedence: 50,
          rules: [
            {
              subjects: [
                {
                  kind: 'ServiceAccount',
                  serviceAccount: { namespace: 'default', name: 'greedy' },
                },
              ],
              nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
            },
          ],
        },
      },
    }),
  ]);
  let theirs: Got | undefined;
  const check = async () => {
    const many = Array.from({ length: 60 }, () => pair.real({ path: '/openapi/v2', as: 'greedy' }));
    theirs = (await Promise.all(many)).find(({ status }) => status === 429);
    return theirs !== undefined;
  };
  await waitUntil({ what: 'a 429', check });
  const ours = await refusedHere(uids.map(({ body }) => body));
  assert.deepEqual(ours.text, theirs!.bytes.toString('utf8'));
  const names = ['content-type', 'retry-after', 'x-content-type-options', 'cache-control'];
  const flows = ['x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid'];
  for (const name of [...names, ...flows])
    assert.equal(ours.headers[name], theirs!.headers[name], name);
});

/** What a second request is answered while the only seat is taken. */
async function refusedHere(objects: KubeObject[]) {
  const [clock, random] = [new WallClock(), new SystemRandom()];
  const fairness = new Fairness(clock, { total: 1 });
  const typed = objects.map((object) => ({
    ...object,
    kind:
      object['spec'] !== undefined && 'rules' in (object['spec'] as object)
        ? 'FlowSchema'
        : 'PriorityLevelConfiguration',
  }));
  fairness.configure(typed);
  const user = {
    name: 'system:serviceaccount:default:greedy',
    groups: ['system:serviceaccounts', 'system:authenticated'],
    extra: {},
  };
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handler = createHandler({
    ...{ clock, random, log: silentLogger, fairness },
    types: {
      lookup: () => undefined,
      backendFor: () => assert.fail(),
      columnsFor: () => undefined,
    } as never,
    nonResources: [
      {
        async handle() {
          await held;
          return { status: 200, headers: {}, body: Buffer.from('served') };
        },
      },
    ],
    authenticate: async () => user,
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
  });
  const send = () =>
    handler({
      ...{ method: 'GET', path: '/openapi/v2', headers: {}, body: undefined },
      signal: new AbortController().signal,
    });
  const first = send();
  const second = await send();
  release();
  assert.equal((await first).status, 200);
  assert.equal(second.status, 429);
  return { headers: second.headers, text: String(second.body) };
}
