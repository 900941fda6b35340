/** What the specs run against: a real cluster, or a federation of real clusters. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFleet } from '../../testbed/fleet.ts';
import { kubeconfigText } from '../../testbed/kubeconfig.ts';
import { Joined } from '../propagation/joined.ts';

/** Something that serves the Kubernetes API. */
export interface Target {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Room for the specs that fill nodes with pods of a replication controller. */
const podsPerNode = 110;

/** One cluster of the testbed by itself. */
export async function realCluster(): Promise<Target> {
  const fleet = await startFleet({ members: [{ name: 'real', podsPerNode }] });
  const member = fleet.member('real');
  const { name, directServer: server, ca: caPem, adminToken: token } = member;
  const kubeconfig = join(fleet.folder, 'admin.kubeconfig');
  await writeFile(kubeconfig, kubeconfigText({ name, server, caPem, token }), { mode: 0o600 });
  return { kubeconfig, stop: () => fleet.stop() };
}

/** A federation of so many of them; API servers only, unless they are to be full. */
export async function federationOf(
  members: number,
  { full = true }: { full?: boolean } = {},
): Promise<Target & { log(): string }> {
  const names = Array.from({ length: members }, (_, index) => `member-${index + 1}`);
  const joined = await Joined.start(names.map((name) => ({ name, podsPerNode, full })));
  const { federation } = joined;
  return {
    kubeconfig: federation.kubeconfig,
    log: () => federation.log(100),
    stop: () => joined.stop(),
  };
}
