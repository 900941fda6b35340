/**
 * Which part of the server its CPU time went to, from V8's own profile: each sample counts for the
 * innermost function that belongs to a part.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The first rule that matches a file of the program names its part. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/\/src\/propagation\/(aggregate|status-writer)/, 'status'],
  [/\/src\/propagation\/(controller|decide-unit|records|templates|ledger|fleet)\./, 'decide'],
  [/\/src\/(placement|reconcile)\//, 'decide'],
  [/\/src\/propagation\//, 'write'],
  [/\/src\/members\//, 'members: requests and watches'],
  [/\/src\/client\//, 'members: requests and watches'],
  [/\/src\/store\//, 'store'],
  [/\/src\/(apiserver|api|lifecycle|main)\//, 'API'],
];

const garbage = 'garbage collection';
const rest = 'TLS, HTTP and the rest of Node';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** What Node writes its profiles with: options for the server's process. */
export function profilingArguments(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

/** Milliseconds by part, of all threads that wrote a profile into the folder. */
export function partsIn(folder: string): Map<string, number> {
  const parts = new Map<string, number>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    addParts(parts, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile);
  }
  return new Map([...parts].sort(([, a], [, b]) => b - a));
}

function addParts(parts: Map<string, number>, { nodes, samples, timeDeltas }: Profile): void {
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const own = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const partAt = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const part = own.get(at);
      if (part !== undefined) return part;
    }
    return rest;
  };
  for (const [i, id] of samples.entries()) {
    const part = partAt(id);
    if (part === 'idle') continue;
    parts.set(part, (parts.get(part) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  }
}

function partOf({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return garbage;
  return rules.find(([file]) => file.test(url))?.[1];
}
