/** `ubernetes recover`: goes on after the data folder was restored from a backup. */
import type { Command } from 'commander';
import { sleep } from '../../base/clock.ts';
import { UserError } from '../../base/errors.ts';
import { valueAt } from '../../kube/object.ts';
import { isApiError } from '../../kube/status.ts';
import { federationClient } from '../connection.ts';
import type { CommandContext } from './join.ts';

interface Flags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly acceptRollback?: boolean;
}

const collection = '/api/v1/namespaces/ubernetes-system/configmaps';
const waitMs = 30_000;

export function addRecover(program: Command, { clock, output }: CommandContext): void {
  program
    .command('recover')
    .description('go on after the data folder was restored from a backup')
    .option('--kubeconfig <file>', 'of the federation (default: $KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'in it (default: the current one)')
    .option('--accept-rollback', 'what was written after the backup is lost; go on without it')
    .addHelpText(
      'after',
      `
After a restore, members have seen a newer store than this one, and nothing is written to them. Copies that the
backup does not know are left alone and shown as Orphaned: kubectl get distributions.

Examples:
  ubernetes recover --accept-rollback`,
    )
    .action(async (flags: Flags) => {
      if (flags.acceptRollback !== true) {
        const hint = 'say --accept-rollback when what was written after the backup may be lost';
        throw new UserError('nothing was done', hint);
      }
      const client = await federationClient(flags, clock);
      const data = { accept: 'true' };
      const metadata = { name: 'recovery' };
      try {
        await client.create(collection, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
      } catch (error) {
        if (!isApiError(error, 'AlreadyExists')) throw error;
        const patch = { type: 'application/merge-patch+json', body: { data } } as const;
        await client.patch(`${collection}/recovery`, patch);
      }
      for (let waited = 0; ; waited += 200) {
        const answer = await client.get(`${collection}/recovery`);
        if (valueAt(answer.object(), 'data', 'accept') === 'done') break;
        if (waited >= waitMs) throw new UserError('the server did not answer', 'see its log');
        await sleep(clock, 200);
      }
      await client.transport.close();
      output.line('the federation goes on from the restored data');
    });
}
