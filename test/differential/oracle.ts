/** The real kube-apiserver that ours is held against. */
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import { type Endpoint, oracleOf } from './endpoint.ts';

/**
 * Admission that belongs to a cluster and not to its API, so that members do it to the copies:
 * priorities and tolerations of pods, taints of nodes, and finalizers that only a controller of a
 * cluster would ever take away again.
 */
const admissionOfMembers = [
  'DefaultTolerationSeconds',
  'Priority',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
];

export interface Oracle extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly fleet: Fleet;
}

export async function startOracle(): Promise<Oracle> {
  const apiserverFlags = [
    `--disable-admission-plugins=${admissionOfMembers.join(',')}`,
    // It writes into every FlowSchema what it thinks of it.
    '--enable-priority-and-fairness=false',
  ];
  const fleet = await startFleet({ members: [{ name: 'oracle', full: false, apiserverFlags }] });
  const endpoint = oracleOf(fleet.members[0]!);
  return {
    ...{ endpoint, fleet },
    async [Symbol.asyncDispose]() {
      await endpoint.close();
      await fleet[Symbol.asyncDispose]();
    },
  };
}
