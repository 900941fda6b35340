/** Builds the real binaries from the pinned Go modules, once, into a folder outside git. */
import { spawn } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { binariesFolder, missingBinaries } from './binaries.ts';
import { type Binary, binaries, modulesFolder } from './versions.ts';

/** How a build reports what it does, one line at a time. */
export type Progress = (line: string) => void;

/**
 * Builds what is absent, in the order of versions.ts, each binary appearing at once and whole.
 * Throws with the compiler's words when a build fails.
 */
export async function buildBinaries(progress: Progress): Promise<void> {
  const missing = new Set(missingBinaries('full', 'older', 'upstream', 'helm'));
  const folder = binariesFolder();
  if (missing.size === 0) return progress(`all binaries are in ${folder}`);
  progress(`building ${missing.size} of ${binaries.length} binaries into ${folder}`);
  for (const binary of binaries) {
    if (!missing.has(binary.file)) continue;
    const started = performance.now();
    await buildOne(binary, folder);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    progress(`built ${binary.file} ${binary.version} in ${seconds} s`);
  }
}

async function buildOne(binary: Binary, folder: string): Promise<void> {
  const target = join(folder, binary.file);
  const unfinished = `${target}.${process.pid}.building`;
  await mkdir(dirname(target), { recursive: true });
  try {
    const verb = binary.tests ? ['test', '-c', '-vet=off'] : ['build'];
    await go([...verb, ...buildFlags(binary), '-o', unfinished, binary.package], binary.module);
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** The flags matter for the Go cache too: other flags mean another cold build. */
function buildFlags(binary: Binary): string[] {
  const linker = ['-s', '-w'];
  if (binary.stamped) {
    const [major, minor] = binary.version.slice(1).split('.');
    const variable = 'k8s.io/component-base/version';
    linker.push(`-X ${variable}.gitVersion=${binary.version}`);
    linker.push(`-X ${variable}.gitMajor=${major}`, `-X ${variable}.gitMinor=${minor}`);
  }
  const parallel = Math.min(availableParallelism(), 8);
  return [`-p=${parallel}`, '-trimpath', '-buildvcs=false', '-ldflags', linker.join(' ')];
}

async function go(args: string[], module: string): Promise<void> {
  await runGo(args, { folder: join(modulesFolder, module), shown: `testbed/go/${module}` });
}

/** Runs go in a module, politely; `shown` names it in errors. @throws with the compiler's words */
export async function runGo(
  args: readonly string[],
  { folder, shown }: { readonly folder: string; readonly shown: string },
): Promise<void> {
  const child = spawn('nice', ['go', ...args], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-8000);
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed).on('close', done);
  });
  if (code !== 0) throw new Error(`go ${args[0]} in ${shown} failed:\n${errors}`);
}
