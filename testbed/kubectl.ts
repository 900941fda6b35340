/** Runs the real kubectl, the current one or the older one. */
import { spawn } from 'node:child_process';
import { binaryPath } from './binaries.ts';

/** What one run of kubectl gave. */
export interface KubectlResult {
  /** Exit code; -1 when it was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of kubectl. */
export interface KubectlRun {
  readonly kubeconfig: string;
  readonly args: readonly string[];
  /** Text for its standard input, for `-f -`. */
  readonly input?: string;
  /** Takes the older kubectl. */
  readonly older?: boolean;
  /** Folder for its discovery cache, so that the user's own is left alone. */
  readonly cacheFolder?: string;
  /** Added to the environment, such as EDITOR. */
  readonly env?: Readonly<Record<string, string>>;
  /** Killed after this time; default 180,000 milliseconds. */
  readonly timeoutMs?: number;
}

/** Runs kubectl to its end. A failing command is a result, not an error. */
export async function runKubectl(run: KubectlRun): Promise<KubectlResult> {
  const child = spawn(binaryPath(run.older ? 'older/kubectl' : 'kubectl'), [...run.args], {
    env: {
      ...process.env,
      KUBECONFIG: run.kubeconfig,
      KUBECTL_KUBERC: 'false',
      ...(run.cacheFolder ? { KUBECACHEDIR: run.cacheFolder } : {}),
      ...run.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: run.timeoutMs ?? 180_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A kubectl that ends before it has read its input is no failure of ours.
  child.stdin.on('error', () => {});
  child.stdin.end(run.input ?? '');
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed).on('close', done);
  });
  return { code: code ?? -1, stdout, stderr };
}
