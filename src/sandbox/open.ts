/** The way to members of this process by the address in their Cluster objects. */
import type { ConnectionSettings } from '../client/kubeconfig.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import type { OpenTransport } from '../members/connection.ts';
import type { SandboxMember } from './member.ts';

/** The member under a server's address, or undefined. */
export type FindSandbox = (server: string) => SandboxMember | undefined;

export function findAmong(members: readonly SandboxMember[]): FindSandbox {
  return (server) => members.find((member) => member.servers.includes(server));
}

/** For a federation in this process; what is no sandbox goes to `others`. */
export function openSandboxes(find: FindSandbox, others: OpenTransport = nowhere): OpenTransport {
  return (cluster, credential) => {
    const member = find(cluster.spec.server);
    if (member === undefined) return others(cluster, credential);
    return member.transport(() => credential()?.token);
  };
}

/** For joining one: without a token as its administrator. */
export function joinSandboxes(find: FindSandbox): (settings: ConnectionSettings) => Transport {
  return ({ server, token }) => {
    const member = find(server);
    if (member === undefined) return unknownServer(server);
    return member.transport(token === undefined ? undefined : () => token());
  };
}

const nowhere: OpenTransport = ({ spec }) => unknownServer(spec.server);

function unknownServer(server: string): Transport {
  return {
    request: () => Promise.reject(new TransportError(`no cluster answers at ${server}`)),
    close: async () => {},
  };
}
