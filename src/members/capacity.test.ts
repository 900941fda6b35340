import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../kube/object.ts';
import {
  Capacity,
  type NodeSummary,
  type PodSummary,
  podRequests,
  summarizeNode,
  summarizePod,
} from './capacity.ts';

function node(
  name: string,
  options: { zone?: string; ready?: boolean; cpu?: string } = {},
): KubeObject {
  const { zone = 'z1', ready = true, cpu = '4' } = options;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'topology.kubernetes.io/region': 'r1', 'topology.kubernetes.io/zone': zone },
    },
    spec: { providerID: `gce://project/${zone}/${name}` },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }],
      capacity: { cpu, memory: '8Gi', pods: '110' },
      allocatable: { cpu: '3900m', memory: '7Gi', pods: '110' },
    },
  };
}

interface Container {
  readonly cpu: string;
  readonly restartPolicy?: string;
}

function container({ cpu, restartPolicy }: Container): object {
  return { resources: { requests: { cpu } }, ...(restartPolicy ? { restartPolicy } : {}) };
}

function pod(containers: Container[], init: Container[] = [], spec: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'd' },
    spec: {
      nodeName: 'n',
      containers: containers.map(container),
      initContainers: init.map(container),
      ...spec,
    },
    status: { phase: 'Running' },
  };
}

test('nodes tell place, provider and sums; only usable ones can be allocated', () => {
  const capacity = new Capacity();
  for (const one of [node('a'), node('b', { zone: 'z2' }), node('c', { ready: false })]) {
    capacity.nodeChanged(undefined, summarizeNode(one));
  }
  assert.deepEqual(capacity.facts(), {
    nodes: 3,
    region: 'r1',
    zones: ['z1', 'z2'],
    provider: 'gce',
    capacity: { cpu: '12', memory: '24Gi', pods: '330' },
    allocatable: { cpu: '7800m', memory: '14Gi', pods: '220' },
    requested: {},
  });
});

test('the older topology labels count, a cordoned node is not usable', () => {
  const old = node('a');
  old.metadata.labels = {
    'failure-domain.beta.kubernetes.io/region': 'r0',
    'failure-domain.beta.kubernetes.io/zone': 'z0',
  };
  old['spec'] = { unschedulable: true };
  const summary = summarizeNode(old);
  assert.deepEqual(
    [summary.region, summary.zone, summary.usable, summary.provider],
    ['r0', 'z0', false, ''],
  );
});

const requests: [string, KubeObject, bigint][] = [
  ['containers together', pod([{ cpu: '100m' }, { cpu: '0.2' }]), 300n],
  ['a large init step', pod([{ cpu: '100m' }], [{ cpu: '1' }]), 1000n],
  [
    'sidecars beside the containers',
    pod([{ cpu: '1' }], [{ cpu: '1', restartPolicy: 'Always' }]),
    2000n,
  ],
  [
    'an init step beside the sidecars before it only',
    pod(
      [{ cpu: '100m' }],
      [
        { cpu: '100m', restartPolicy: 'Always' },
        { cpu: '1' },
        { cpu: '500m', restartPolicy: 'Always' },
      ],
    ),
    1100n,
  ],
  ['overhead', pod([{ cpu: '1' }], [], { overhead: { cpu: '250m' } }), 1250n],
  [
    'what the pod says itself',
    pod([{ cpu: '1' }], [], { resources: { requests: { cpu: '3' } } }),
    3000n,
  ],
  ['nonsense', pod([{ cpu: 'lots' }, { cpu: '1' }]), 1000n],
];

for (const [name, object, expected] of requests) {
  test(`the requests of a pod: ${name}`, () => {
    assert.equal(podRequests(object).get('cpu'), expected);
  });
}

test('pods that hold no place count nothing', () => {
  const done = pod([{ cpu: '1' }]);
  done['status'] = { phase: 'Succeeded' };
  assert.equal(summarizePod(done), undefined);
  assert.equal(summarizePod(pod([{ cpu: '1' }], [], { nodeName: '' })), undefined);
});

test('sums kept up with changes equal sums made afresh', () => {
  const summary = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    usable: fc.boolean(),
    cpu: fc.bigInt({ min: 0n, max: 100_000n }),
  });
  fc.assert(
    fc.property(fc.array(fc.record({ slot: fc.nat(2), now: fc.option(summary) })), (changes) => {
      const kept = new Capacity();
      const nodes = new Map<number, NodeSummary>();
      const pods = new Map<number, PodSummary>();
      for (const { slot, now } of changes) {
        const amounts = new Map(now === null ? [] : [['cpu', now.cpu]]);
        const next =
          now === null
            ? undefined
            : {
                ...now,
                name: `node-${slot}`,
                region: 'r',
                zone: now.name,
                provider: '',
                capacity: amounts,
                allocatable: amounts,
              };
        kept.nodeChanged(nodes.get(slot), next);
        kept.podChanged(pods.get(slot), now === null ? undefined : { requests: amounts });
        if (next === undefined) nodes.delete(slot);
        else nodes.set(slot, next);
        if (now === null) pods.delete(slot);
        else pods.set(slot, { requests: amounts });
      }
      const fresh = new Capacity();
      for (const one of nodes.values()) fresh.nodeChanged(undefined, one);
      for (const one of pods.values()) fresh.podChanged(undefined, one);
      const zeroless = ({
        requested,
        capacity,
        allocatable,
        ...rest
      }: ReturnType<Capacity['facts']>) => ({
        ...rest,
        cpu: [requested['cpu'] ?? '0', capacity['cpu'] ?? '0', allocatable['cpu'] ?? '0'],
      });
      assert.deepEqual(zeroless(kept.facts()), zeroless(fresh.facts()));
    }),
  );
});
