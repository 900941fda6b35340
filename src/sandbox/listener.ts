/** A sandbox member on a port of its own, so that kubectl can look at it beside the federation. */
import {
  createAuthority,
  exportKey,
  generateKeys,
  issueClient,
  issueServing,
  pemOf,
} from '../apiserver/auth/certificates.ts';
import { ApiServer } from '../apiserver/server.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { writeKubeconfig } from '../client/kubeconfig.ts';
import type { SandboxMember } from './member.ts';

export interface ListenerOptions {
  readonly member: SandboxMember;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Listener {
  readonly url: string;
  /** Text, with its administrator's certificate. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const days = 30;

/** Serves on a free port until it is stopped; a member that is down answers 503 there. */
export async function listen({ member, clock, random, log }: ListenerOptions): Promise<Listener> {
  const validity = () => ({ now: clock.now(), days, serial: random.bytes(16) });
  const authority = await createAuthority(member.name, await generateKeys(), validity());
  const serving = await generateKeys();
  const admin = await generateKeys();
  const certificate = await issueServing([host, 'localhost'], {
    ...validity(),
    authority,
    publicKey: serving.publicKey,
  });
  const client = await issueClient(
    { commonName: 'admin', organizations: ['system:masters'] },
    { ...validity(), authority, publicKey: admin.publicKey },
  );
  const ca = pemOf(authority.certificate);
  const server = await ApiServer.listen({
    handler: (request) => member.handler(request),
    host,
    port: 0,
    certificate: pemOf(certificate),
    key: await exportKey(serving.privateKey),
    clientAuthorities: ca,
    clock,
    log,
  });
  const url = `https://${host}:${server.port}`;
  member.servers.push(url);
  return {
    url,
    kubeconfig: writeKubeconfig({
      name: member.name,
      server: url,
      ca,
      clientCertificate: { cert: pemOf(client), key: await exportKey(admin.privateKey) },
    }),
    stop: () => server.stop(1000),
  };
}
