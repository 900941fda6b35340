/** A TLS front end on a port of its own, with certificates made for it. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { WallClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { SystemRandom } from '../base/random.ts';
import {
  createAuthority,
  exportKey,
  generateKeys,
  issueServing,
  pemOf,
} from './auth/certificates.ts';
import { ApiServer, type ServerLimits } from './server.ts';
import type { ApiHandler } from './types.ts';

export interface Listening {
  readonly server: ApiServer;
  readonly ca: string;
  /** A connection that speaks nothing yet; all are closed at the end. */
  socket(protocol?: 'http/1.1' | 'h2'): Promise<TLSSocket>;
  session(): Promise<ClientHttp2Session>;
  stop(): Promise<void>;
}

export async function listening(
  handler: ApiHandler,
  limits: Partial<ServerLimits> = {},
): Promise<Listening> {
  const clock = new WallClock();
  const { ca, cert, key } = await servingFiles();
  const server = await ApiServer.listen({
    handler,
    host: '127.0.0.1',
    port: 0,
    certificate: cert,
    key,
    clientAuthorities: ca,
    clock,
    log: silentLogger,
    limits,
  });
  const open = new Set<{ destroy(): void }>();
  return {
    server,
    ca,
    async socket(protocol = 'http/1.1') {
      const options = { host: '127.0.0.1', port: server.port, ca, ALPNProtocols: [protocol] };
      const socket = tlsConnect(options);
      open.add(socket);
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      return socket;
    },
    async session() {
      const session = connect(`https://127.0.0.1:${server.port}`, { ca });
      open.add(session);
      session.on('error', () => {});
      await once(session, 'connect');
      return session;
    },
    async stop() {
      for (const each of open) each.destroy();
      await server.stop(0);
    },
  };
}

/** PEM of a certificate for this machine, its key, and the authority that signed it. */
export async function servingFiles(): Promise<{ ca: string; cert: string; key: string }> {
  const validity = { now: new WallClock().now(), days: 1, serial: new SystemRandom().bytes(8) };
  const authority = await createAuthority('test', await generateKeys(), validity);
  const keys = await generateKeys();
  const certificate = await issueServing(['localhost', '127.0.0.1'], {
    ...validity,
    authority,
    publicKey: keys.publicKey,
  });
  return {
    ca: pemOf(authority.certificate),
    cert: pemOf(certificate),
    key: await exportKey(keys.privateKey),
  };
}

/** Everything that comes until the other end closes. */
export async function everything(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  if (!socket.closed) await once(socket, 'close');
  return text;
}
