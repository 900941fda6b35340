/** The fake nodes of a full member. */
import type { MemberClient } from './member-client.ts';
import type { RunningProcess } from './processes.ts';
import { waitUntil } from './waiting.ts';

/** How a member's nodes are made. */
export interface NodesSpec {
  readonly count: number;
  readonly podsPerNode: number;
  readonly zone: string;
  readonly region: string;
  /** What the kubelets say they are, such as `v1.37.2`. */
  readonly version: string;
}

interface NodeList {
  items: { metadata: { name: string }; status?: { conditions?: Condition[] } }[];
}

interface Condition {
  type: string;
  status: string;
}

/** Creates the nodes that are not there yet and waits until all are Ready. */
export async function ensureNodes(
  client: MemberClient,
  spec: NodesSpec,
  processes: readonly RunningProcess[] = [],
): Promise<void> {
  const names = Array.from({ length: spec.count }, (_, index) => `node-${index + 1}`);
  await Promise.all(
    names.map(async (name) => {
      const path = '/api/v1/nodes';
      const answer = await client.send({ method: 'POST', path, body: nodeObject(name, spec) });
      if (answer.status !== 201 && answer.status !== 409) {
        throw new Error(`node ${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
    }),
  );
  await waitUntil({
    what: `${spec.count} nodes to be Ready`,
    processes,
    check: async () => (await readyNodes(client)) >= spec.count,
  });
}

async function readyNodes(client: MemberClient): Promise<number> {
  const list = (await client.must({ path: '/api/v1/nodes' })) as NodeList;
  return list.items.filter((node) =>
    node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  ).length;
}

function nodeObject(name: string, { podsPerNode, zone, region, version }: NodesSpec): object {
  const room = {
    cpu: '32',
    memory: '256Gi',
    'ephemeral-storage': '1Ti',
    pods: String(podsPerNode),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'node.kubernetes.io/instance-type': 'fake',
        'topology.kubernetes.io/zone': zone,
        'topology.kubernetes.io/region': region,
      },
    },
    status: {
      capacity: room,
      allocatable: room,
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: 'fake',
        kernelVersion: 'fake',
        kubeProxyVersion: '',
        kubeletVersion: version,
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'fake',
        systemUUID: '',
      },
    },
  };
}
