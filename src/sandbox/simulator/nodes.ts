/** The nodes of a sandbox member: labelled with their zone, ready, with room for so many pods. */
import type { Clock } from '../../base/clock.ts';
import type { RestClient } from '../../client/rest.ts';
import { pathOf } from '../../kube/resource.ts';
import { isApiError } from '../../kube/status.ts';
import { timestamp } from '../../kube/time.ts';
import { kinds } from './kinds.ts';

export interface NodesOptions {
  readonly cluster: string;
  readonly region: string;
  readonly zone: string;
  readonly count: number;
  /** Pods that one node takes. */
  readonly pods: number;
  readonly version: string;
}

/** Makes the nodes that are missing. */
export async function ensureNodes(
  client: RestClient,
  options: NodesOptions,
  clock: Clock,
): Promise<void> {
  for (let n = 1; n <= options.count; n++) {
    const node = nodeOf(options, n, clock);
    try {
      await client.create(pathOf(kinds.nodes), node);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      continue;
    }
    const target = pathOf({ ...kinds.nodes, name: node.metadata.name, subresource: 'status' });
    const body = { status: node.status };
    await client.patch(target, { type: 'application/merge-patch+json', body });
  }
}

function nodeOf(options: NodesOptions, n: number, clock: Clock) {
  const { cluster, region, zone, version } = options;
  const name = `${cluster}-node-${n}`;
  const amounts = { cpu: '4', memory: '16Gi', pods: String(options.pods) };
  const time = timestamp(clock);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/region': region,
        'topology.kubernetes.io/zone': zone,
      },
    },
    spec: { providerID: `sandbox://${zone}/${name}` },
    status: {
      capacity: amounts,
      allocatable: amounts,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
      addresses: [{ type: 'Hostname', address: name }],
      nodeInfo: {
        ...{ architecture: 'amd64', operatingSystem: 'linux', osImage: 'Sandbox' },
        ...{
          kubeletVersion: version,
          kubeProxyVersion: '',
          containerRuntimeVersion: 'sandbox://1',
        },
        ...{ kernelVersion: '6.12', machineID: name, systemUUID: name, bootID: name },
      },
    },
  };
}
