import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { requireMembers } from '../../testbed/binaries.ts';
import type { KubeObject } from '../kube/object.ts';
import { type Got, OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const label = { labels: { test: 'owners' } };

type Send = (sent: Sent) => Promise<Got>;

async function make(send: Send, name: string, more: object = {}, path = configMaps) {
  const body = { metadata: { name, ...label, ...more } };
  const made = await send({ method: 'POST', path, body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

function ownedBy(owner: KubeObject, more: object = {}): object {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, ...more };
}

function remove(send: Send, name: string, propagationPolicy?: string): Promise<Got> {
  const body = propagationPolicy === undefined ? {} : { propagationPolicy };
  return send({ method: 'DELETE', path: `${configMaps}/${name}`, body });
}

/**
 * What stands on both, with owners and finalizers, when nothing changes any more; as long as they
 * differ one of them may only be late.
 */
async function settledStates(both: OwnAndReal): Promise<string[][]> {
  let before = '';
  let states: string[][] = [];
  for (let quiet = 0, tries = 0; quiet < 8 && tries < 500; tries++) {
    await sleep(250);
    states = await Promise.all([stateOf(both.ours), stateOf(both.real)]);
    const now = JSON.stringify(states);
    const same = isDeepStrictEqual(states[0], states[1]);
    quiet = now === before && same ? quiet + 1 : 0;
    before = now;
  }
  return states;
}

async function stateOf(send: Send): Promise<string[]> {
  const { body } = await send({ path: '/api/v1/configmaps?labelSelector=test%3Downers' });
  const items = (body as unknown as { items: KubeObject[] }).items;
  return items
    .map(({ metadata }) => {
      const {
        namespace,
        name,
        finalizers = [],
        ownerReferences = [],
        deletionTimestamp,
      } = metadata;
      const owners = ownerReferences.map(
        (owner) => owner.name + (owner.blockOwnerDeletion === true ? '!' : ''),
      );
      const waits = deletionTimestamp === undefined ? '' : ' deleting';
      return `${namespace}/${name} <${owners}> [${finalizers}]${waits}`;
    })
    .sort();
}

/** Each makes objects of its own names; all run at the same time, in either cluster. */
const stories: readonly ((send: Send) => Promise<void>)[] = [
  async (send) => {
    const owner = await make(send, 'bg');
    const child = await make(send, 'bg-child', { ownerReferences: [ownedBy(owner)] });
    await make(send, 'bg-grandchild', { ownerReferences: [ownedBy(child)] });
    const other = await make(send, 'bg-other');
    await make(send, 'bg-shared', { ownerReferences: [ownedBy(owner), ownedBy(other)] });
    await remove(send, 'bg', 'Background');
  },
  async (send) => {
    const owner = await make(send, 'fg');
    const blocking = { finalizers: ['example.test/wait'] };
    const block = ownedBy(owner, { blockOwnerDeletion: true });
    await make(send, 'fg-blocks', { ...blocking, ownerReferences: [block] });
    await make(send, 'fg-loose', { ...blocking, ownerReferences: [ownedBy(owner)] });
    await make(send, 'fg-free', { ownerReferences: [block] });
    await remove(send, 'fg', 'Foreground');
  },
  async (send) => {
    const owner = await make(send, 'fg2');
    const keeper = await make(send, 'fg2-keeper');
    const block = ownedBy(owner, { blockOwnerDeletion: true });
    await make(send, 'fg2-kept', { ownerReferences: [block, ownedBy(keeper)] });
    await remove(send, 'fg2', 'Foreground');
  },
  async (send) => {
    const owner = await make(send, 'or');
    await make(send, 'or-child', { ownerReferences: [ownedBy(owner)] });
    await remove(send, 'or', 'Orphan');
  },
  async (send) => {
    const owner = await make(send, 'uid');
    await make(send, 'uid-stale', { ownerReferences: [ownedBy(owner, { uid: 'another' })] });
  },
  async (send) => {
    const path = '/api/v1/namespaces';
    await send({ method: 'POST', path, body: { metadata: { name: 'far' } } });
    const owner = await make(send, 'ns');
    const far = `${path}/far/configmaps`;
    await make(send, 'ns-far', { ownerReferences: [ownedBy(owner)] }, far);
  },
  async (send) => {
    const gadget = { apiVersion: 'example.test/v1', kind: 'Gadget', name: 'g', uid: 'g' };
    await make(send, 'unknown', { ownerReferences: [gadget] });
  },
  async (send) => {
    const block = { blockOwnerDeletion: true };
    const a = await make(send, 'circle-a');
    const b = await make(send, 'circle-b', { ownerReferences: [ownedBy(a, block)] });
    const c = await make(send, 'circle-c', { ownerReferences: [ownedBy(b, block)] });
    const body = { metadata: { ownerReferences: [ownedBy(c, block)] } };
    await send({ method: 'PATCH', path: `${configMaps}/circle-a`, body });
    await remove(send, 'circle-a', 'Foreground');
  },
];

test('dependents and namespaces end as kube-controller-manager ends them', async (t) => {
  if (!(await requireMembers(t, 'full'))) return;
  await using both = await OwnAndReal.start(await ownFederation(), { full: true, nodes: 1 });
  for (const send of [both.ours, both.real]) await Promise.all(stories.map((tell) => tell(send)));
  const [ours, real] = await settledStates(both);
  assert.deepEqual(ours, real);
  const reasons = async (send: Send): Promise<string[]> => {
    const { body } = await send({ path: '/api/v1/namespaces/far/events' });
    const items = (body as unknown as { items: KubeObject[] }).items;
    return items.map(
      ({ reason, message }) => `${reason} ${String(message).replace(/uid: \S+\]/, '')}`,
    );
  };
  assert.deepEqual(await reasons(both.ours), await reasons(both.real));
  await namespaceEnds(both);
});

async function namespaceEnds(both: OwnAndReal): Promise<void> {
  const path = '/api/v1/namespaces';
  const team = `${path}/team`;
  const finalizers = ['example.test/wait'];
  const states = [both.ours, both.real].map(async (send) => {
    await send({ method: 'POST', path, body: { metadata: { name: 'team' } } });
    await make(send, 'held', { finalizers }, `${team}/configmaps`);
    await make(send, 'free', {}, `${team}/configmaps`);
    await make(send, 'held', { finalizers: ['example.test/other'] }, `${team}/secrets`);
    await send({ method: 'DELETE', path: team });
    const read = (): Promise<Got> => send({ path: team });
    const waits = await until(read, ({ body }) => JSON.stringify(body).includes('SomeFinalizers'));
    for (const resource of ['configmaps', 'secrets'])
      await send({
        method: 'PATCH',
        path: `${team}/${resource}/held`,
        body: { metadata: { finalizers: null } },
      });
    const gone = await until(read, ({ status }) => status === 404);
    const { conditions } = waits.body['status'] as { conditions: Record<string, string>[] };
    const said = conditions.map(({ type, status, reason, message }) =>
      [type, status, reason, message].join(' | '),
    );
    return [...said.sort(), gone.status];
  });
  const [ours, real] = await Promise.all(states);
  assert.deepEqual(ours, real);
}

async function until(read: () => Promise<Got>, done: (got: Got) => boolean): Promise<Got> {
  for (let tries = 0; ; tries++) {
    const got = await read();
    if (done(got)) return got;
    assert.ok(tries < 1000, JSON.stringify(got));
    await sleep(250);
  }
}
