/** `npm run testbed -- …`: real clusters to play with, from the command line. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingBinaries } from './binaries.ts';
import { buildBinaries } from './build.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { kubeconfigText } from './kubeconfig.ts';
import type { MemberSpec } from './member.ts';

const help = `Real Kubernetes clusters as plain processes: no containers, no root.

Usage: npm run testbed -- COMMAND [OPTIONS]

Commands:
  up      start a fleet, print its kubeconfigs, stay until Ctrl-C; then nothing is left
  build   build the real binaries once (about twelve minutes when cold)

Options of up:
  --members N         how many clusters (default 4)
  --full              API server, controllers, scheduler and fake nodes (default)
  --bare              API servers only
  --older             the last cluster runs the older Kubernetes
  --nodes N           fake nodes in each cluster (default 3)
  --pods-per-node N   room on each node (default 20)
  --durable           etcd waits for the disk on every write
  -h, --help          this text

Examples:
  npm run testbed -- build
  npm run testbed -- up --members 4
  npm run testbed -- up --members 2 --older --nodes 2 --pods-per-node 5
  npm run testbed -- up --members 20 --bare

The binaries are looked for in KUBEBUILDER_ASSETS, else in a cache folder of the user.
`;

/** Zones of the classic stage first; then made-up ones. */
const zones: readonly (readonly [zone: string, region: string])[] = [
  ['us-central1-b', 'us-central1'],
  ['us-east1-b', 'us-east1'],
  ['europe-west1-b', 'europe-west1'],
  ['asia-east1-b', 'asia-east1'],
];

process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n\nTry: npm run testbed -- --help`);
    return 2;
  }
  if (options.help) {
    console.log(help);
    return 0;
  }
  try {
    if (options.command === 'build') await buildBinaries(console.error);
    else await up(options);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

interface Options {
  command: 'up' | 'build';
  help: boolean;
  members: readonly MemberSpec[];
  durable: boolean;
}

function readOptions(argv: string[]): Options {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      members: { type: 'string', default: '4' },
      full: { type: 'boolean', default: false },
      bare: { type: 'boolean', default: false },
      older: { type: 'boolean', default: false },
      nodes: { type: 'string', default: '3' },
      'pods-per-node': { type: 'string', default: '20' },
      durable: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, ...rest] = positionals;
  const asked = values.help || command === undefined;
  if (command !== undefined && command !== 'up' && command !== 'build' && command !== 'help') {
    throw new Error(`unknown command ${command}`);
  }
  if (rest.length > 0) throw new Error(`unexpected argument ${rest[0]}`);
  if (values.full && values.bare) throw new Error('--full and --bare exclude each other');
  const count = wholeNumber('--members', values.members, 1);
  const nodes = wholeNumber('--nodes', values.nodes, 0);
  const podsPerNode = wholeNumber('--pods-per-node', values['pods-per-node'], 1);
  const members = Array.from({ length: count }, (_, index) => ({
    ...placeOf(index),
    full: !values.bare,
    older: values.older && index === count - 1,
    nodes,
    podsPerNode,
  }));
  return {
    command: command === 'build' ? 'build' : 'up',
    help: asked || command === 'help',
    members,
    durable: values.durable,
  };
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
  throw new Error(`${option} wants a whole number of at least ${least}, not ${text}`);
}

function placeOf(index: number): { name: string; zone: string; region: string } {
  const [zone, region] = zones[index] ?? [`zone-${index + 1}-a`, `zone-${index + 1}`];
  return { name: region, zone, region };
}

async function up({ members, durable }: Options): Promise<void> {
  const needs = [
    ...(members.some(({ full }) => full) ? (['full'] as const) : (['bare'] as const)),
    ...(members.some(({ older }) => older) ? (['older'] as const) : []),
  ];
  if (missingBinaries(...needs).length > 0) await buildBinaries(console.error);
  const interrupted = nextInterrupt();
  const starting = startFleet({ members, durable, log: console.error });
  const fleet = await Promise.race([starting, interrupted]);
  // Interrupted while starting: the guard of the processes kills what there is once we are gone.
  if (!fleet) process.exit(130);
  await describe(fleet);
  await interrupted;
  console.error('stopping');
  await fleet.stop();
}

async function nextInterrupt(): Promise<undefined> {
  // Keeps the process alive, which waits for nothing else.
  const awake = setInterval(() => {}, 1 << 30);
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => done());
    }
  });
  clearInterval(awake);
}

async function describe(fleet: Fleet): Promise<void> {
  const accesses = fleet.members.map((member) => ({
    name: member.name,
    server: member.server,
    caPem: member.ca,
    token: member.adminToken,
  }));
  const [first, ...others] = accesses;
  if (!first) return;
  const all = join(fleet.folder, 'kubeconfig');
  await writeFile(all, kubeconfigText(first, ...others), { mode: 0o600 });
  for (const member of fleet.members) {
    const nodes = member.full ? `${member.nodes} nodes in ${member.zone}` : 'no nodes';
    console.log(`${member.name}  ${member.version}  ${nodes}\n  ${member.kubeconfig}`);
  }
  console.log(`\nAll of them, one context each:\n  export KUBECONFIG=${all}`);
  console.log(`  kubectl --context ${first.name} get nodes\n\nCtrl-C stops everything.`);
}
