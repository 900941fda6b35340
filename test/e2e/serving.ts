/**
 * A federation as its users run it: `ubernetes serve` as a process of its own, members joined by
 * the command line.
 */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KubectlResult, runKubectl } from '../../testbed/kubectl.ts';
import type { Member } from '../../testbed/member.ts';
import { freePort } from '../../testbed/ports.ts';
import { type RunningProcess, startProcess, temporaryFolder } from '../../testbed/processes.ts';
import { waitUntil } from '../../testbed/waiting.ts';

const bin = fileURLToPath(new URL('../../bin/ubernetes.cjs', import.meta.url));

export interface ServingOptions {
  /** Further options of `ubernetes serve`. */
  readonly args?: readonly string[];
  /** Added to the environment of its first start. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

export class ServedFederation {
  readonly folder: string;
  readonly #port: number;
  readonly #args: readonly string[];
  #process: RunningProcess | undefined;
  #starts = 0;

  private constructor(options: { folder: string; port: number; args: readonly string[] }) {
    this.folder = options.folder;
    this.#port = options.port;
    this.#args = options.args;
  }

  static async start({ args = [], env = {} }: ServingOptions = {}): Promise<ServedFederation> {
    const folder = await temporaryFolder('ubernetes-e2e');
    const served = new ServedFederation({ folder, port: await freePort(), args });
    await served.start(env);
    return served;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'admin.kubeconfig');
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** What the server has printed since its last start. */
  log(lines = 40): string {
    return this.#process?.tail(lines) ?? '';
  }

  /**
   * Starts it (again) on the same data and address; resolves when it says that it is ready. `env`
   * is added to its environment, for this time.
   */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const listen = `127.0.0.1:${this.#port}`;
    const running = startProcess({
      title: 'ubernetes',
      file: process.execPath,
      args: [bin, 'serve', '--data', this.dataDir, '--listen', listen, ...this.#args],
      directory: this.folder,
      env,
      logFile: join(this.folder, `serve-${++this.#starts}.log`),
    });
    this.#process = running;
    await waitUntil({
      what: 'the line "ready"',
      check: async () =>
        running
          .tail(1000)
          .split('\n')
          .some((line) => line.startsWith('ready ')),
      processes: [running],
    });
  }

  /** SIGTERM, or at once as by kill -9. */
  async stop(how: 'gently' | 'kill' = 'gently'): Promise<void> {
    await this.#process?.stop({ graceMs: how === 'kill' ? 0 : 10_000 });
    this.#process = undefined;
  }

  kubectl(...args: string[]): Promise<KubectlResult> {
    return this.kubectlWith({ args });
  }

  kubectlWith(run: {
    args: readonly string[];
    input?: string;
    older?: boolean;
  }): Promise<KubectlResult> {
    const cacheFolder = join(this.folder, run.older ? 'cache-older' : 'cache');
    return runKubectl({ kubeconfig: this.kubeconfig, cacheFolder, ...run });
  }

  /** One `ubernetes` command against this federation. */
  command(...words: string[]): Promise<CommandResult> {
    return this.commandWith({ words });
  }

  async commandWith(run: {
    words: readonly string[];
    env?: Readonly<Record<string, string>>;
  }): Promise<CommandResult> {
    const child = spawn(process.execPath, [bin, ...run.words], {
      env: { ...process.env, KUBECONFIG: this.kubeconfig, ...run.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const code = await new Promise<number>((resolve) =>
      child.once('close', (c) => resolve(c ?? -1)),
    );
    return { code, output };
  }

  async join(member: Member, ...flags: string[]): Promise<CommandResult> {
    return this.command('join', member.name, '--member-kubeconfig', member.kubeconfig, ...flags);
  }
}
