/**
 * Clients in Go, as users write them, built once per state of their module into the testbed's
 * cache.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binariesFolder } from '../../testbed/binaries.ts';
import { runGo } from '../../testbed/build.ts';

/** Path of the program in `package` of the Go module in `folder`, built first if it has to be. */
async function program(name: string, folder: string, mainPackage: string): Promise<string> {
  const built = join(binariesFolder(), 'clients');
  const file = join(built, `${name}-${stateOf(folder, mainPackage)}`);
  if (existsSync(file)) return file;
  await mkdir(built, { recursive: true });
  const unfinished = `${file}.${process.pid}.building`;
  try {
    const flags = ['-trimpath', '-buildvcs=false', '-o', unfinished];
    await runGo(['build', ...flags, mainPackage], { folder, shown: `the module of ${name}` });
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
  return file;
}

/** A program that shares its module with others: `go/NAME`. */
export function clientProgram(name: string): Promise<string> {
  return program(name, folderOf('go'), `./${name}`);
}

/** A program in a module of its own, since it needs other versions of libraries: `NAME`. */
export function clientOfItsOwn(name: string): Promise<string> {
  return program(name, folderOf(name), '.');
}

function folderOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Changes with the sources and with what they depend on. */
function stateOf(folder: string, mainPackage: string): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(folder, mainPackage)).filter((file) => file.endsWith('.go'));
  for (const file of ['go.mod', 'go.sum', ...sources.map((each) => join(mainPackage, each))])
    hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 12);
}
