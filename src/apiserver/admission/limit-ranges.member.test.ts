import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../../testbed/binaries.ts';
import { waitUntil } from '../../../testbed/waiting.ts';
import { comparable, type Sent, startBoth } from './both.fixture.ts';

interface Limit {
  readonly type: string;
  readonly defaultRequest?: object;
  readonly [more: string]: unknown;
}

interface Case {
  readonly limits: readonly Limit[];
  readonly pods?: readonly object[];
  readonly claims?: readonly string[];
}

function pod(...resources: (object | undefined)[]): object {
  const containers = resources.map((each, i) => ({
    name: `c${i}`,
    image: 'i',
    ...(each === undefined ? {} : { resources: each }),
  }));
  return { containers };
}

const small = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
const large = { requests: { cpu: '900m' }, limits: { cpu: '2' } };

/** With a default for containers by which one sees that it has been taken in. */
function traced(limits: Case['limits']): object[] {
  const trace = { 'ephemeral-storage': '1Mi' };
  const [first, ...others] = limits.toSorted((a) => (a.type === 'Container' ? -1 : 1));
  if (first?.type !== 'Container') return [...limits, { type: 'Container', defaultRequest: trace }];
  return [{ ...first, defaultRequest: { ...first.defaultRequest, ...trace } }, ...others];
}

const cases: readonly Case[] = [
  {
    limits: [
      {
        type: 'Container',
        default: { cpu: '500m', memory: '64Mi' },
        defaultRequest: { cpu: '100m' },
      },
    ],
    pods: [
      pod(undefined),
      pod(small, undefined),
      { ...pod(small), initContainers: [{ name: 'i', image: 'i' }] },
    ],
  },
  {
    limits: [{ type: 'Container', max: { cpu: '1' } }],
    pods: [pod(small), pod(large), pod(undefined)],
  },
  {
    limits: [{ type: 'Container', min: { cpu: '150m' }, max: { cpu: '1' } }],
    pods: [pod(small), pod(large), pod({ limits: { memory: '1Mi' } })],
  },
  {
    limits: [{ type: 'Container', maxLimitRequestRatio: { cpu: '2' } }],
    pods: [pod(small), pod(large)],
  },
  {
    limits: [{ type: 'Pod', max: { cpu: '1' } }],
    pods: [pod(small, small), pod(small, large), pod({ requests: { memory: '1Mi' } })],
  },
  {
    limits: [{ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } }],
    claims: ['1Mi', '1Gi', '3Gi'],
  },
];

test('limit ranges default and refuse as in a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await startBoth({}, () => {});
  const send = async (sent: Sent): Promise<void> => {
    const [real, ours] = [await both.real(sent), await both.ours(sent)];
    const what = JSON.stringify([sent.body, real.body['message']]);
    if (sent.path.endsWith('pods') && real.status < 300) {
      const [expected, actual] = [real, ours].map(({ body }) => {
        const { metadata, spec } = body as unknown as {
          metadata: { annotations?: object };
          spec: { containers: { resources?: object }[]; initContainers?: object[] };
        };
        const { containers, initContainers = [] } = spec;
        return {
          annotations: metadata.annotations,
          resources: [...containers, ...initContainers].map((one) => comparable(one, '')),
        };
      });
      assert.deepEqual(actual!.annotations, expected!.annotations, what);
      const sums = [actual, expected].map((each) =>
        each!.resources.map((one) => (one as { resources?: object }).resources),
      );
      assert.deepEqual(sums[0], sums[1], what);
    } else if (real.status >= 300) assert.deepEqual(comparable(ours), comparable(real), what);
    else assert.equal(ours.status, real.status, what);
  };
  for (const [i, { limits, pods = [], claims = [] }] of cases.entries()) {
    const core = `/api/v1/namespaces/n${i}`;
    const named = (name: string, more: object) => ({ metadata: { name }, ...more });
    await send({ method: 'POST', path: '/api/v1/namespaces', body: named(`n${i}`, {}) });
    await send({
      method: 'POST',
      path: `${core}/limitranges`,
      body: named('limits', { spec: { limits: traced(limits) } }),
    });
    // The real one hears of the LimitRange by a watch.
    await waitUntil({
      what: `LimitRange ${i} to take effect`,
      check: async () => {
        const path = `${core}/pods?dryRun=All`;
        const body = named('probe', { spec: pod(small) });
        const { status, body: made } = await both.real({ method: 'POST', path, body });
        return status === 403 || JSON.stringify(made).includes('ephemeral-storage');
      },
    });
    for (const [j, spec] of pods.entries())
      await send({ method: 'POST', path: `${core}/pods`, body: named(`p${j}`, { spec }) });
    for (const [j, storage] of claims.entries()) {
      const resources = { requests: { storage } };
      const spec = { accessModes: ['ReadWriteOnce'], resources };
      const body = named(`c${j}`, { spec });
      await send({ method: 'POST', path: `${core}/persistentvolumeclaims`, body });
    }
  }
});
