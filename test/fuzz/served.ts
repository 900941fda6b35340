/**
 * What is fuzzed over sockets: `ubernetes serve` as a process of its own with little memory, an
 * honest member and one that lies, and an honest user who goes on working.
 */
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../../sim/dice.ts';
import { type Listening, listening } from '../../src/apiserver/listening.fixture.ts';
import { WallClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { SystemRandom } from '../../src/base/random.ts';
import { connectionOf, parseKubeconfig } from '../../src/client/kubeconfig.ts';
import { RestClient } from '../../src/client/rest.ts';
import { TlsTransport } from '../../src/client/tls-transport.ts';
import { valueAt } from '../../src/kube/object.ts';
import { createSandboxMember, type SandboxMember } from '../../src/sandbox/member.ts';
import { kubeconfigText } from '../../testbed/kubeconfig.ts';
import { removeFolder, temporaryFolder } from '../../testbed/processes.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from '../e2e/serving.ts';
import { canary } from './canary.ts';
import { type Liar, startLiar } from './liar.ts';
import { inTime } from './watchdog.ts';

/** The server gets no more heap than this, so that what grows without bound ends it. MiB. */
export const heapMiB = 512;

export interface Served {
  readonly federation: ServedFederation;
  readonly liar: Liar;
  readonly honest: SandboxMember;
  /** What the liar would tell if it were honest. */
  readonly lying: SandboxMember;
  readonly port: number;
  readonly ca: string;
  /** As its administrator, over a connection of its own. */
  readonly client: RestClient;
  /** Of the service account that attacks: everything in namespace tenant-a, nothing else. */
  readonly token: string;
  /** What the server holds once its garbage is collected: heap and buffers, MiB. */
  heldMiB(): Promise<number>;
  stop(): Promise<void>;
}

const clock = new WallClock();
const random = new SystemRandom();

function sandboxOf(name: string): Promise<SandboxMember> {
  const size = { nodes: 2, podsPerNode: 20 };
  const place = { region: 'eu', zone: 'eu-a' };
  return createSandboxMember({ clock, random, log: silentLogger, name, ...place, ...size });
}

/** `planted`: with faults that must be found. */
export async function startServed(dice: Dice, planted = false): Promise<Served> {
  const [honest, lying] = await Promise.all([sandboxOf('honest'), sandboxOf('liar')]);
  const front = await listening(honest.handler);
  const liar = await startLiar(lying, dice);
  const reports = await temporaryFolder('ubernetes-fuzz');
  const report = join(reports, 'memory.json');
  const hooks = ['./memory-report.ts', ...(planted ? ['./planted-faults.ts'] : [])];
  const imports = hooks.map((hook) => `--import=${new URL(hook, import.meta.url).href}`);
  const options = `--max-old-space-size=${heapMiB} ${imports.join(' ')}`;
  const federation = await ServedFederation.start({
    env: {
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} ${options}`,
      UBERNETES_MEMORY_REPORT: report,
    },
  });
  await joined(federation, honest, {
    server: `https://127.0.0.1:${front.server.port}`,
    ca: front.ca,
  });
  await joined(federation, lying, liar);
  const config = parseKubeconfig(readFileSync(federation.kubeconfig, 'utf8'));
  const settings = await connectionOf(config.context(), {
    clock,
    directory: dirname(federation.kubeconfig),
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const client = new RestClient(new TlsTransport({ ...settings, clock }), { userAgent: 'honest' });
  const token = await furnish(client);
  const { port } = new URL(settings.server);
  return {
    federation,
    liar,
    honest,
    lying,
    port: Number(port),
    ca: settings.ca!,
    client,
    token,
    heldMiB: () => heldMiB(federation, report),
    stop: () => stopAll({ reports, client, federation, liar, front, members: [honest, lying] }),
  };
}

/** Asks `memory-report.ts`, which is loaded in the server. */
async function heldMiB({ pid }: ServedFederation, report: string): Promise<number> {
  await rm(report, { force: true });
  process.kill(pid, 'SIGUSR2');
  await waitUntil({ what: 'a report of memory', check: async () => existsSync(report) });
  const { heapUsed, external } = JSON.parse(readFileSync(report, 'utf8')) as NodeJS.MemoryUsage;
  return (heapUsed + external) / 1024 / 1024;
}

interface Stopping {
  readonly reports: string;
  readonly client: RestClient;
  readonly federation: ServedFederation;
  readonly liar: Liar;
  readonly front: Listening;
  readonly members: readonly SandboxMember[];
}

async function stopAll(stopping: Stopping): Promise<void> {
  const { reports, client, federation, liar, front, members } = stopping;
  await client.transport.close();
  await federation.stop();
  await Promise.all([liar.stop(), front.stop()]);
  await Promise.all(members.map((member) => member.stop()));
  await Promise.all([reports, federation.folder].map(removeFolder));
}

async function joined(
  federation: ServedFederation,
  member: SandboxMember,
  { server, ca: caPem }: { server: string; ca: string },
): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  for (let i = 0; i < 100 && (await member.client.find(path)) === undefined; i++) await delay(50);
  const answer = await member.client.create(`${path}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [], expirationSeconds: 36_000 },
  });
  const token = String(valueAt(answer.object(), 'status', 'token'));
  const file = join(federation.folder, `${member.name}.kubeconfig`);
  await writeFile(file, kubeconfigText({ name: member.name, server, caPem, token }));
  const joining = federation.command('join', member.name, '--member-kubeconfig', file);
  const { code, output } = await inTime('joining', joining);
  if (code !== 0) throw new Error(`join ${member.name}: ${output}\n${federation.log()}`);
}

/** @returns the token of who attacks */
async function furnish(client: RestClient): Promise<string> {
  const create = (path: string, object: object) => client.create(path, object);
  for (const name of ['tenant-a', 'tenant-b'])
    await create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const a = '/api/v1/namespaces/tenant-a';
  const metadata = { name: 'attacker' };
  await create(`${a}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await create('/apis/rbac.authorization.k8s.io/v1/namespaces/tenant-a/rolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'attacker', namespace: 'tenant-a' }],
  });
  await create('/api/v1/namespaces/tenant-b/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'canary' },
    data: { secret: canary },
  });
  const answer = await create(`${a}/serviceaccounts/attacker/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 36_000 },
  });
  return String(valueAt(answer.object(), 'status', 'token'));
}

/** Memory that the server's process has, and the most it ever had, MiB. */
export function resident(pid: number): { nowMiB: number; peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024);
  return { nowMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM') };
}

/** Connections that somebody has open to this port of this machine, by its side of them. */
export function connectionsTo(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const open = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return open.filter((line) => {
    const [, address, , state] = line.trim().split(/\s+/);
    return address?.endsWith(local) === true && (state === '01' || state === '08');
  }).length;
}
