/**
 * Many sequences against a real kube-apiserver and against ours: `npm run differential -- --runs N
 * --seed S [--of hand|custom|described] [--kind Deployment]`.
 */
import { parseArgs } from 'node:util';
import { startFleet } from '../../testbed/fleet.ts';
import { describedKinds } from './described.ts';
import { oracleOf, ourEndpoint } from './endpoint.ts';
import { explore, report, type Sort, sorts } from './explore.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    of: { type: 'string', multiple: true },
    kind: { type: 'string' },
  },
});

await using fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
const oracle = oracleOf(fleet.members[0]!);
const ours = await ourEndpoint();
const { runs, kind } = values;
const of = sorts.filter((sort): sort is Sort => values.of?.includes(sort) ?? true);
const seed = Number(values.seed);
const described = of.includes('described') ? await describedKinds(oracle, seed) : [];
const explored = await explore({ oracle, ours, runs: Number(runs), seed, of, described, kind });
process.stdout.write(report(explored));
await ours.close();
await oracle.close();
process.exitCode = explored.found.size === 0 ? 0 : 1;
