/**
 * Many sequences against a real kube-apiserver and against ours: `npm run differential -- --runs N
 * --seed S [--of hand|custom|described] [--kind Deployment]`.
 */
import { parseArgs } from 'node:util';
import { describedKinds } from './described.ts';
import { ourEndpoint } from './endpoint.ts';
import { explore, report, type Sort, sorts } from './explore.ts';
import { startOracle } from './oracle.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    of: { type: 'string', multiple: true },
    kind: { type: 'string' },
  },
});

await using started = await startOracle();
const oracle = started.endpoint;
const ours = await ourEndpoint();
const { runs, kind } = values;
const of = sorts.filter((sort): sort is Sort => values.of?.includes(sort) ?? true);
const seed = Number(values.seed);
const described = of.includes('described') ? await describedKinds(oracle, seed) : [];
const explored = await explore({ oracle, ours, runs: Number(runs), seed, of, described, kind });
process.stdout.write(report(explored));
await ours.close();
process.exitCode = explored.found.size === 0 ? 0 : 1;
