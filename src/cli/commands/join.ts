/** `ubernetes join` and `ubernetes unjoin`. */
import type { Command } from 'commander';
import { type Cluster, clusterType } from '../../api/cluster.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { RestClient } from '../../client/rest.ts';
import type { KubeObject } from '../../kube/object.ts';
import { pathOf } from '../../kube/resource.ts';
import { joinMember } from '../../members/join.ts';
import { unjoinMember } from '../../members/unjoin.ts';
import { federationClient, settingsFrom } from '../connection.ts';
import type { Output } from '../output.ts';

/** How long a new member gets to become ready before the command ends anyway, milliseconds. */
const readyMs = 15_000;

interface JoinFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly memberKubeconfig: string;
  readonly memberContext?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly label?: readonly string[];
  readonly takeOver?: boolean;
}

interface UnjoinFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly deleteCopies?: boolean;
  readonly force?: boolean;
}

export interface CommandContext {
  readonly clock: Clock;
  readonly output: Output;
}

export function addJoin(program: Command, { clock, output }: CommandContext): void {
  program
    .command('join <name>')
    .description('make a cluster a member of the federation')
    .option('--kubeconfig <file>', 'of the federation (default: $KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'in it (default: the current one)')
    .requiredOption('--member-kubeconfig <file>', "of the cluster, with an administrator's rights")
    .option('--member-context <name>', 'in it (default: the current one)')
    .option('--region <region>', 'instead of the one that its nodes are labelled with')
    .option('--zone <zone>', 'instead of the one that its nodes are labelled with')
    .option('--label <key=value...>', 'on the Cluster, for selectors')
    .option('--take-over', 'from another federation that still writes to it')
    .addHelpText(
      'after',
      `
The administrator's credential is used once, to make a service account in the cluster, and is not stored.
A member that no longer takes our credential gets a new one when it is joined again under its name.

Examples:
  ubernetes join eu-west --kubeconfig ./federation/admin.kubeconfig --member-kubeconfig ~/.kube/eu-west
  ubernetes join us-east --member-kubeconfig ~/.kube/config --member-context us-east --label env=prod`,
    )
    .action(async (name: string, flags: JoinFlags) => {
      const federation = await federationClient(flags, clock);
      const settings = await settingsFrom(
        { path: flags.memberKubeconfig, context: flags.memberContext, flag: '--member-kubeconfig' },
        clock,
      );
      const joined = await joinMember({
        federation,
        federationId: await federationId(federation),
        name,
        settings,
        clock,
        ...(flags.label === undefined ? {} : { labels: labelsFrom(flags.label, program) }),
        ...(flags.region === undefined ? {} : { region: flags.region }),
        ...(flags.zone === undefined ? {} : { zone: flags.zone }),
        ...(flags.takeOver ? { takeOver: true } : {}),
        onStep: (step) => output.step(step),
      });
      const ready = await waitForReady(federation, name, clock);
      output.step(
        ready ? 'the federation writes to it' : 'it is not ready yet: kubectl get clusters',
      );
      await federation.transport.close();
      output.line(`cluster ${name} joined (Kubernetes ${joined.version})`);
    });
}

export function addUnjoin(program: Command, { clock, output }: CommandContext): void {
  program
    .command('unjoin <name>')
    .description('let a cluster go; its copies keep running, unmarked')
    .option('--kubeconfig <file>', 'of the federation (default: $KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'in it (default: the current one)')
    .option('--delete-copies', 'delete what the federation made there instead of leaving it')
    .option('--force', 'do not wait for a cluster that does not answer')
    .addHelpText(
      'after',
      `
Examples:
  ubernetes unjoin eu-west
  ubernetes unjoin eu-west --delete-copies
  ubernetes unjoin eu-west --force        # it is gone for good`,
    )
    .action(async (name: string, flags: UnjoinFlags) => {
      const federation = await federationClient(flags, clock);
      await unjoinMember({
        federation,
        name,
        clock,
        deleteCopies: flags.deleteCopies === true,
        force: flags.force === true,
        onStep: (text) => output.step(text),
      });
      await federation.transport.close();
      output.line(`cluster ${name} is no longer a member`);
    });
}

/** Whether the federation writes to the member and serves its types, within a few seconds. */
async function waitForReady(federation: RestClient, name: string, clock: Clock): Promise<boolean> {
  const until = clock.monotonic() + readyMs;
  while (clock.monotonic() < until) {
    const cluster = await federation.find(pathOf({ ...clusterType, name }));
    const conditions = (cluster?.object<Cluster>().status?.conditions ?? []).map(
      ({ type, status }) => `${type}=${status}`,
    );
    const writable = conditions.includes('Writable=True') && conditions.includes('Ready=True');
    if (writable && (await federation.find('/apis/apps/v1')) !== undefined) return true;
    await sleep(clock, 100);
  }
  return false;
}

/** The federation's id is the uid of its own kube-system namespace. */
async function federationId(federation: RestClient): Promise<string> {
  const answer = await federation.get('/api/v1/namespaces/kube-system');
  return answer.object<KubeObject>().metadata.uid ?? '';
}

function labelsFrom(pairs: readonly string[], program: Command): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals <= 0) program.error(`error: --label wants key=value, not "${pair}"`);
    labels[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return labels;
}
