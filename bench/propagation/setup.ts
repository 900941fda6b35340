/** Starts what is measured: real members, and a federation of them as its users start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WallClock } from '../../src/base/clock.ts';
import {
  type ConnectionSettings,
  connectionOf,
  parseKubeconfig,
  writeKubeconfig,
} from '../../src/client/kubeconfig.ts';
import { RestClient } from '../../src/client/rest.ts';
import { TlsTransport } from '../../src/client/tls-transport.ts';
import { pathOf } from '../../src/kube/resource.ts';
import { slowDown } from '../../testbed/faults.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { Member } from '../../testbed/member.ts';
import { gadgetDefinition, namespace, type SubjectName, subjectOf } from './subject.ts';

/** As users start it. */
const bin = join(import.meta.dirname, '..', '..', 'bin', 'ubernetes.cjs');
const clock = new WallClock();

export interface Bench {
  readonly fleet: Fleet;
  readonly folder: string;
  readonly members: readonly RestClient[];
  federation: Federation;
  stop(): Promise<void>;
}

export interface Federation {
  readonly client: RestClient;
  readonly kubeconfig: string;
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Members past their wires, so that no proxy of the testbed costs anything; a federation with all
 * of them joined.
 */
export async function startBench(options: {
  members: number;
  full: boolean;
  kind?: SubjectName;
  /** Round trip to the last member, for the federation and for direct writes, milliseconds. */
  delay?: number;
  serveArguments?: readonly string[];
  nodeArguments?: readonly string[];
}): Promise<Bench> {
  const fleet = await startFleet({
    members: Array.from({ length: options.members }, (_, i) => ({
      name: `m${i + 1}`,
      full: options.full,
      podsPerNode: 110,
    })),
    durable: true,
  });
  const folder = await mkdtemp(join(tmpdir(), 'ubernetes-bench-'));
  const { delay = 0, kind = 'deployment' } = options;
  const delayed = delay === 0 ? undefined : fleet.members.at(-1);
  const kubeconfigs = await Promise.all(
    fleet.members.map((member) => memberKubeconfig(member, folder, member === delayed)),
  );
  const members = await Promise.all(kubeconfigs.map((file) => clientFor(file)));
  const federation = await serve(join(folder, 'data'), options);
  for (const [i, file] of kubeconfigs.entries()) {
    await run([
      'join',
      fleet.members[i]!.name,
      '--kubeconfig',
      federation.kubeconfig,
      '--member-kubeconfig',
      file,
    ]);
  }
  const bench: Bench = {
    fleet,
    folder,
    members,
    federation,
    async stop() {
      await bench.federation.stop();
      await fleet.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await ready(bench, kind);
  if (delayed !== undefined) slowDown(delayed, delay);
  return bench;
}

/** A new process on the same data: after it was killed. */
export async function serve(
  data: string,
  options: {
    serveArguments?: readonly string[];
    nodeArguments?: readonly string[];
    listen?: string;
  } = {},
): Promise<Federation> {
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeArguments ?? []),
      bin,
      'serve',
      '--data',
      data,
      '--listen',
      options.listen ?? '127.0.0.1:0',
      ...(options.serveArguments ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await readyLine(child);
  const kubeconfig = join(data, 'admin.kubeconfig');
  return {
    client: await clientFor(kubeconfig),
    kubeconfig,
    pid: child.pid!,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
    },
  };
}

function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const line = text.split('\n').find((each) => each.startsWith('ready'));
      if (line !== undefined) resolve(line);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

/** Runs one ubernetes command to its end. */
export async function run(words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [bin, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`ubernetes ${words.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** How the server of a kubeconfig is reached. */
export async function settingsOf(kubeconfig: string): Promise<ConnectionSettings> {
  const text = await readFile(kubeconfig, 'utf8');
  return connectionOf(parseKubeconfig(text).context(), {
    clock,
    directory: dirname(kubeconfig),
    readFile: () => {
      throw new Error('a kubeconfig of the testbed holds everything itself');
    },
  });
}

export async function clientFor(kubeconfig: string): Promise<RestClient> {
  const settings = await settingsOf(kubeconfig);
  return new RestClient(new TlsTransport({ ...settings, connections: 16 }), {
    userAgent: 'bench/1',
  });
}

/** Past its wire, so that no proxy costs anything, unless it is to be slow. */
async function memberKubeconfig(member: Member, folder: string, slow: boolean): Promise<string> {
  const file = join(folder, `${member.name}.kubeconfig`);
  const { ca, adminToken: token, name } = member;
  const server = slow ? member.server : member.directServer;
  await writeFile(file, writeKubeconfig({ name, server, ca, token }), { mode: 0o600 });
  return file;
}

/** The namespace, and the custom kind if that is measured, are in every member: a warm start. */
async function ready({ federation, members }: Bench, kind: SubjectName): Promise<void> {
  await federation.client.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  const paths = [`/api/v1/namespaces/${namespace}`];
  if (kind === 'custom') {
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await federation.client.create(definitions, gadgetDefinition);
    paths.push(pathOf(subjectOf(kind, 1).type));
  }
  for (const client of [...members, federation.client]) {
    for (const path of paths) {
      while ((await client.find(path)) === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
