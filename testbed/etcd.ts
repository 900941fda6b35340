/** The one etcd that all members of a fleet share, each below its own prefix. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryPath } from './binaries.ts';
import { freePort, releasePort, withPorts } from './ports.ts';
import { type RunningProcess, startProcess } from './processes.ts';
import { answersOk, waitUntil } from './waiting.ts';

/** A running etcd. */
export interface Etcd {
  readonly url: string;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

interface EtcdOptions {
  readonly folder: string;
  readonly durable: boolean;
}

/**
 * Starts etcd with its data in `folder`. Without `durable` it does not wait for the disk: quick,
 * and safe against killed processes, not against a power failure.
 */
export async function startEtcd(options: EtcdOptions): Promise<Etcd> {
  return withPorts(() => tryStart(options));
}

async function tryStart(options: EtcdOptions): Promise<Etcd> {
  const folder = join(options.folder, 'etcd');
  await mkdir(folder, { recursive: true });
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const process = startProcess({
    title: 'etcd',
    file: binaryPath('etcd'),
    directory: folder,
    logFile: join(options.folder, 'etcd.log'),
    args: [
      '--name=testbed',
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=testbed=${peer}`,
      '--log-level=warn',
      '--quota-backend-bytes=8589934592',
      ...(options.durable ? [] : ['--unsafe-no-fsync']),
    ],
  });
  await waitUntil({
    what: 'etcd to answer',
    processes: [process],
    check: () => answersOk(`${url}/health`),
  });
  return {
    url,
    process,
    stop: async () => {
      await process.stop();
      releasePort(port);
      releasePort(peerPort);
    },
  };
}
