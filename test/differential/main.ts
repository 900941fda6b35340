/**
 * Many sequences against a real kube-apiserver and against ours: `npm run differential -- --runs N
 * --seed S [--kind Deployment]`.
 */
import { parseArgs } from 'node:util';
import { startFleet } from '../../testbed/fleet.ts';
import { oracleOf, ourEndpoint } from './endpoint.ts';
import { explore, report } from './explore.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string' },
  },
});

await using fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
const oracle = oracleOf(fleet.members[0]!);
const ours = await ourEndpoint();
const { runs, seed, kind } = values;
const explored = await explore({ oracle, ours, runs: Number(runs), seed: Number(seed), kind });
process.stdout.write(report(explored));
await ours.close();
await oracle.close();
process.exitCode = explored.found.size === 0 ? 0 : 1;
