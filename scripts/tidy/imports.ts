/** Rules about who may know whom: direction, circles, barrels, files that nobody reaches. */
import { posix } from 'node:path';
import { floors, isTest } from './house.ts';
import type { Files, Source, Violation } from './source.ts';

/** Files of src/ import from lower floors and their own folder; tests are free to join floors. */
export function importDirection(sources: readonly Source[]): Violation[] {
  const rule = 'import-direction';
  const found: Violation[] = [];
  for (const { path, imports } of sources) {
    if (!path.startsWith('src/') || isTest(path)) continue;
    const own = folderOf(path);
    const floor = floors.get(own);
    if (floor === undefined) {
      const message = `src/${own} has no floor: give it one in scripts/tidy/house.ts`;
      found.push({ path, line: 0, rule, message });
      continue;
    }
    for (const { specifier, line } of imports) {
      const target = resolved(path, specifier);
      const complaint = target && directionComplaint(own, floor, target);
      if (complaint) found.push({ path, line, rule, message: complaint });
    }
  }
  return found;
}

function directionComplaint(own: string, floor: number, target: string): string | undefined {
  if (!target.startsWith('src/')) return `src/ may not import ${target}`;
  const other = folderOf(target);
  if (other === own) return undefined;
  const otherFloor = floors.get(other);
  if (otherFloor === undefined || otherFloor < floor) return undefined;
  const relation = otherFloor === floor ? 'beside' : 'above';
  return `${own}/ (floor ${floor}) may not import ${other}/ (floor ${otherFloor}) ${relation} it`;
}

/** No file needs itself, by whatever way; imports of types alone count too. */
export function importCircles(sources: readonly Source[]): Violation[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ specifier }) => resolved(path, specifier) ?? []),
    ]),
  );
  return stronglyConnected(edges)
    .filter((group) => group.length > 1 || edges.get(group[0] as string)?.includes(group[0] ?? ''))
    .map((group) => {
      const paths = group.sort();
      const message = `these import each other: ${paths.join(', ')}`;
      return { path: paths[0] as string, line: 0, rule: 'import-circle', message };
    });
}

/** A file that only passes on what others export hides who knows whom. */
export function barrels(sources: readonly Source[]): Violation[] {
  return sources.flatMap(({ path, reexports, ownStatements }) => {
    const named = posix.basename(path) === 'index.ts';
    if (!named && (reexports.length === 0 || ownStatements)) return [];
    const message = 'a barrel: import from the file that has it';
    return [{ path, line: reexports[0] ?? 0, rule: 'barrel', message }];
  });
}

/**
 * Every file is reached from where something starts: src/main/bin.ts, a test, a script, the main
 * file of a folder, or a file that package.json, .ci/run, the bin or CONTRIBUTING.md names.
 */
export function deadFiles(sources: readonly Source[], files: Files): Violation[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const waiting = sources.filter(isEntry).map(({ path }) => path);
  waiting.push(...namedFiles(files));
  const reached = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (!source || reached.has(path)) continue;
    reached.add(path);
    const specifiers = [...source.imports.map(({ specifier }) => specifier), ...source.mentions];
    for (const specifier of specifiers) {
      const target = resolved(path, specifier);
      if (target) waiting.push(target);
    }
  }
  return sources
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => ({ path, line: 0, rule: 'dead-file', message: 'nobody needs this file' }));
}

function isEntry({ path, uses }: Source): boolean {
  if (path.endsWith('.test.ts') || path === 'src/main/bin.ts') return true;
  if (path.startsWith('src/')) return false;
  return (
    /^(scripts|bench)\/[^/]+\.ts$/.test(path) ||
    path.endsWith('/main.ts') ||
    uses.some(({ name }) => name === 'import.meta.main')
  );
}

const startingPlaces = /^(package\.json|\.ci\/run|CONTRIBUTING\.md|bin\/.*)$/;

/** Paths of TypeScript files that stand where programs are started or people are told to. */
function namedFiles(files: Files): string[] {
  return [...files]
    .filter(([path]) => startingPlaces.test(path))
    .flatMap(([, text]) => text.match(/[\w./-]+\.ts\b/g) ?? [])
    .map((path) => path.replace(/^(\.{1,2}\/)+/, ''));
}

/** Path from the root of a relative import, else undefined. */
function resolved(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

/** `kube` for src/kube/json.ts. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Tarjan's algorithm, without recursion: groups of files that all reach each other. */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const groups: string[][] = [];
  for (const start of edges.keys()) {
    const path: { node: string; next: number }[] = [];
    const enter = (node: string): void => {
      order.set(node, order.size);
      lowest.set(node, order.get(node) as number);
      open.push(node);
      isOpen.add(node);
      path.push({ node, next: 0 });
    };
    if (!order.has(start)) enter(start);
    for (let frame = path.at(-1); frame; frame = path.at(-1)) {
      const target = edges.get(frame.node)?.[frame.next++];
      if (target !== undefined) {
        if (!edges.has(target)) continue;
        if (!order.has(target)) enter(target);
        else if (isOpen.has(target)) lower(lowest, frame.node, order.get(target) as number);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent) lower(lowest, parent.node, lowest.get(frame.node) as number);
      if (lowest.get(frame.node) !== order.get(frame.node)) continue;
      const group = open.splice(open.lastIndexOf(frame.node));
      for (const node of group) isOpen.delete(node);
      groups.push(group);
    }
  }
  return groups;
}

function lower(lowest: Map<string, number>, node: string, value: number): void {
  lowest.set(node, Math.min(lowest.get(node) as number, value));
}
