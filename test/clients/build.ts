/**
 * Clients in Go, as users write them: each a folder of test/clients/go, built once per state of the
 * module into the testbed's cache.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binariesFolder } from '../../testbed/binaries.ts';
import { runGo } from '../../testbed/build.ts';

const module = fileURLToPath(new URL('go', import.meta.url));

/** Path of the program `go/NAME`, built first if it has to be. */
export async function clientProgram(name: string): Promise<string> {
  const folder = join(binariesFolder(), 'clients');
  const program = join(folder, `${name}-${stateOf(name)}`);
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  const unfinished = `${program}.${process.pid}.building`;
  try {
    const flags = ['-trimpath', '-buildvcs=false', '-o', unfinished];
    await runGo(['build', ...flags, `./${name}`], { folder: module, shown: 'test/clients/go' });
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

/** Changes with the sources and with what they depend on. */
function stateOf(name: string): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(module, name)).filter((file) => file.endsWith('.go'));
  for (const file of ['go.mod', 'go.sum', ...sources.map((each) => `${name}/${each}`)])
    hash.update(readFileSync(join(module, file)));
  return hash.digest('hex').slice(0, 12);
}
