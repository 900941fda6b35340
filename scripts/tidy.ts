/** Checks the house rules over the whole checkout: `node scripts/tidy.ts`, and within the tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bannedCalls } from './tidy/bans.ts';
import { codeFolders } from './tidy/house.ts';
import { barrels, deadFiles, importCircles, importDirection } from './tidy/imports.ts';
import { fileSizes, functionSizes, lineWidths } from './tidy/sizes.ts';
import { type Files, parseSources, type Violation } from './tidy/source.ts';
import { emptyFolderNames, machinePaths, unfinishedMarks } from './tidy/words.ts';

/** All broken rules of these files, ordered by path and line. */
export function violations(files: Files): Violation[] {
  const sources = parseSources(files);
  return [
    ...importDirection(sources),
    ...importCircles(sources),
    ...barrels(sources),
    ...deadFiles(sources, files),
    ...fileSizes(sources),
    ...functionSizes(sources),
    ...lineWidths(sources),
    ...bannedCalls(sources),
    ...emptyFolderNames(files),
    ...unfinishedMarks(files),
    ...machinePaths(files),
  ].sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

/** One line per violation, as editors understand it. */
export function describe({ path, line, rule, message }: Violation): string {
  return `${line > 0 ? `${path}:${line}` : path} ${rule}: ${message}`;
}

const proseAndPrograms = ['docs', 'bin', '.ci'];
const textEndings = /(\.(ts|cjs|mjs|md|sh|yaml|yml)|^package\.json|^\.ci\/run)$/;

/** The files of the checkout that the rules look at. */
export function readCheckout(root: string): Files {
  const files = new Map<string, string>();
  const take = (path: string): void => {
    if (textEndings.test(path)) files.set(path, readFileSync(join(root, path), 'utf8'));
  };
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== 'node_modules') walk(path);
      else if (entry.isFile()) take(path);
    }
  };
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const { name } = entry;
    if (entry.isFile()) take(name);
    else if ([...codeFolders, ...proseAndPrograms].includes(name)) walk(name);
  }
  return files;
}

/** The root of this checkout. */
export const checkout = fileURLToPath(new URL('..', import.meta.url));

if (import.meta.main) {
  const found = violations(readCheckout(checkout));
  for (const violation of found) console.error(describe(violation));
  if (found.length > 0) process.exitCode = 1;
}
