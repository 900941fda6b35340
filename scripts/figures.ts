/** Writes the pages of figures from the JSON that benches wrote: `node scripts/figures.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { apiserverPage } from './apiserver-page.ts';
import { conformancePage } from './conformance-page.ts';
import { cell, type Figure, type Result, type Row, sourceOf, tableOf } from './figure.ts';
import { simulationPage } from './simulation-page.ts';

const reference = new URL('../docs/reference/', import.meta.url);

interface Propagated extends Result<Row & { readonly direct?: Figure }> {
  readonly generatorObjectsPerSecond: number;
}

const intro = `# Propagation beside direct writes

From a user's write to the change seen on a watch in **all** members: Deployments of 3.7 KB, 16 writes in
flight, real kube-apiservers 1.37 on an etcd that waits for the disk, everything on one machine. "Direct"
is the same client code writing to the members itself, in turn with ours in one run. Medians of the
rounds, smallest and largest in brackets. Drift: from the answer to an edit in a member until a watch
shows the old value again.
`;

/** The page about propagation. */
export function propagationPage(json: string): string {
  const result = JSON.parse(json) as Propagated;
  const limit = result.generatorObjectsPerSecond;
  const table = tableOf(result.rows, {
    direct: ({ direct }) => cell(direct),
    ours: ({ ours }) => cell(ours),
  });
  return [
    intro,
    sourceOf(result),
    `The load generator alone reaches ${limit} objects/s against a server that does nothing.\n`,
    ...table,
    '',
  ].join('\n');
}

export const pages = [
  { json: 'propagation-bench.json', page: 'propagation.md', make: propagationPage },
  { json: 'apiserver-bench.json', page: 'apiserver.md', make: apiserverPage('home') },
  {
    json: 'apiserver-bench-propagating.json',
    page: 'apiserver-propagating.md',
    make: apiserverPage('propagating'),
  },
  { json: 'conformance.json', page: 'conformance.md', make: conformancePage },
  { json: 'simulation.json', page: 'simulation.md', make: simulationPage },
] as const;

export function read(name: string): string {
  return readFileSync(new URL(name, reference), 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { json, page, make } of pages) {
    writeFileSync(new URL(page, reference), make(read(json)));
  }
}
