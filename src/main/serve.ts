/** `ubernetes serve`: one process on one data folder, until SIGTERM. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { OpenWebhook } from '../apiserver/admission/webhook-calls.ts';
import { forKubeconfig } from '../apiserver/auth/certificates.ts';
import { loadPki, type ServerPki } from '../apiserver/auth/pki-files.ts';
import { TokenFile } from '../apiserver/auth/token-file.ts';
import { RequestLog } from '../apiserver/request-log.ts';
import { ApiServer } from '../apiserver/server.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Random, uuid } from '../base/random.ts';
import { writeKubeconfig } from '../client/kubeconfig.ts';
import { TlsTransport } from '../client/tls-transport.ts';
import { ApiService } from '../lifecycle/api-service.ts';
import { type OpenTransport, tlsTransports } from '../members/connection.ts';
import { Compaction } from '../store/compaction.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { openAudit } from './audit.ts';
import { openIdentity } from './authentication.ts';
import { type Federation, startFederation } from './federation.ts';
import { heapLimit, memoryShares } from './memory.ts';
import type { ServeOptions } from './options.ts';
import { Recovery } from './recovery.ts';
import { Telemetry } from './telemetry.ts';

export interface ServeContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How members are reached; TLS unless given. */
  readonly openTransport?: OpenTransport;
  /** Of the program, for /metrics. */
  readonly version?: string;
}

export interface Serving {
  readonly url: string;
  readonly kubeconfig: string;
  readonly federation: Federation;
  stop(): Promise<void>;
}

/** Requests in flight get this long to end when the server stops, milliseconds. */
const drainMs = 10_000;
/** Audit events that wait get this long to be written at the end, milliseconds. */
const auditMs = 2000;

/** Resolves when requests are served. @throws UserError for whatever a user can mend. */
export async function serve(options: ServeOptions, context: ServeContext): Promise<Serving> {
  const { clock, random, log } = context;
  const { dataDir, advertise, tokenAuthFile, access } = options;
  makeFolder(dataDir);
  const tokenFile =
    tokenAuthFile === undefined ? undefined : new TokenFile(tokenAuthFile, clock, log);
  const store = await openSqliteStore({ dataDir, clock, random });
  const compaction = new Compaction({ store, clock, logger: log });
  const telemetry = telemetryOf(options, context);
  const memory = memoryShares(heapLimit());
  try {
    const pki = await pkiOf(options, context);
    const state = nextStart(dataDir, random);
    const audit = await openAudit(options.audit, { ...context, ...telemetry, salt: state.salt });
    let url = '';
    const identity = await openIdentity(access, { ...context, pki, url: () => url });
    const federation = await startFederation({
      ...state,
      store,
      clock,
      random,
      log,
      openTransport: audit.audited(context.openTransport ?? tlsTransports(clock, memory.answers)),
      ...memory,
      tokens: tokenFile === undefined ? [] : [(token) => tokenFile.verify(token)],
      ...identity.options,
      failoverAfterMs: options.failoverAfterMs,
      preflight: options.preflight,
      telemetry,
      observers: [...audit.observers, ...requestLog(options, context)],
      admission: { openWebhook: openWebhook(clock) },
    });
    const shutdown = shutdownOf(federation);
    await identity.start(federation.client);
    const { client, members, starts } = federation;
    const recovery = new Recovery({ store, starts, members, client, clock, random, log });
    recovery.start();
    const server = await listen(options, { pki, federation, context });
    const apiService = new ApiService({
      ...context,
      client,
      address: { host: advertise, port: server.port },
      onTypes: (listener) => federation.catalog.onChange(listener),
    });
    apiService.start();
    url = `https://${advertise.includes(':') ? `[${advertise}]` : advertise}:${server.port}`;
    const kubeconfig = join(dataDir, 'admin.kubeconfig');
    writeFileSync(kubeconfig, adminKubeconfig(url, pki), { mode: 0o600 });
    return {
      url,
      kubeconfig,
      federation,
      async stop() {
        shutdown.begin();
        if (options.shutdownDelayMs > 0) await sleep(clock, options.shutdownDelayMs);
        await server.stop(drainMs);
        await Promise.all([identity.stop(), recovery.stop(), apiService.stop()]);
        await federation.stop();
        telemetry.stop();
        compaction.stop();
        await store.close();
        await audit.close(auditMs);
      },
    };
  } catch (error) {
    compaction.stop();
    await store.close();
    throw error;
  }
}

function pkiOf(
  { dataDir, advertise, access }: ServeOptions,
  { clock, random }: ServeContext,
): Promise<ServerPki> {
  const hosts = [...new Set([advertise, 'localhost', '127.0.0.1', '::1', hostname()])];
  const rotateTokenKey = access.rotateServiceAccountKey;
  return loadPki({ directory: join(dataDir, 'pki'), hosts, clock, random, rotateTokenKey });
}

function telemetryOf({ requestsInFlight }: ServeOptions, context: ServeContext): Telemetry {
  const { clock, version } = context;
  const seats = { total: requestsInFlight };
  return new Telemetry({ clock, seats, ...(version === undefined ? {} : { version }) });
}

function requestLog({ logLevel }: ServeOptions, { log, clock }: ServeContext): RequestLog[] {
  return logLevel === 'debug' ? [new RequestLog(log, clock)] : [];
}

/** /readyz says that this server is going before it takes no more requests. */
function shutdownOf({ health }: Federation): { begin(): void } {
  let going = false;
  health.add('shutdown', ['readyz'], () => {
    if (going) throw new Error('process is shutting down');
  });
  return {
    begin: () => {
      going = true;
    },
  };
}

/** Fewer sockets than to a member: each webhook is asked for single writes only. */
const webhookSockets = 32;

function openWebhook(clock: Clock): OpenWebhook {
  return (server, authorities) =>
    new TlsTransport({
      server,
      clock,
      connections: webhookSockets,
      ...(authorities === undefined ? {} : { ca: authorities }),
    });
}

async function listen(
  { host, port, access }: ServeOptions,
  { pki, federation, context }: { pki: ServerPki; federation: Federation; context: ServeContext },
): Promise<ApiServer> {
  try {
    return await ApiServer.listen({
      handler: federation.handler,
      host,
      port,
      certificate: pki.serving.certificate,
      key: pki.serving.key,
      clientAuthorities: [pki.authority, access.clientAuthorities ?? ''].join('\n'),
      ...(access.frontProxy && { frontProxyAuthorities: access.frontProxy.authorities }),
      clock: context.clock,
      log: context.log,
    });
  } catch (cause) {
    await federation.stop();
    const hint = 'is another server running there? choose another with --listen HOST:PORT';
    throw new UserError(`cannot listen on ${host}:${port}: ${messageOf(cause)}`, hint, { cause });
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const hint = 'choose a folder that can be written with --data';
    throw new UserError(`the data folder ${path} cannot be made: ${messageOf(cause)}`, hint, {
      cause,
    });
  }
}

interface StartState {
  readonly instance: string;
  readonly term: number;
  readonly salt: string;
}

/**
 * What identifies this server on its data: the same over restarts, but for the term, which counts
 * them.
 */
function nextStart(dataDir: string, random: Random): StartState {
  const path = join(dataDir, 'instance.json');
  let known: Partial<StartState> = {};
  try {
    known = JSON.parse(readFileSync(path, 'utf8')) as Partial<StartState>;
  } catch {
    // The first start, or a file that a crash left half written: a new identity is as good.
  }
  const state = {
    instance: known.instance ?? uuid(random),
    term: (known.term ?? 0) + 1,
    salt: known.salt ?? random.bytes(16).toString('hex'),
  };
  writeFileSync(path, JSON.stringify(state), { mode: 0o600 });
  return state;
}

function adminKubeconfig(server: string, pki: ServerPki): string {
  return writeKubeconfig({
    name: 'ubernetes',
    server,
    ca: pki.authority,
    clientCertificate: { cert: pki.admin.certificate, key: forKubeconfig(pki.admin.key) },
  });
}
