/** `ubernetes kubeconfig`: prints a kubeconfig for the federation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { messageOf, UserError } from '../../base/errors.ts';
import { parseKubeconfig, writeKubeconfig } from '../../client/kubeconfig.ts';
import type { CommandContext } from './join.ts';

interface Flags {
  readonly data: string;
  readonly server?: string;
  readonly token?: string;
  readonly name: string;
  readonly namespace?: string;
}

export function addKubeconfig(program: Command, { output }: CommandContext): void {
  program
    .command('kubeconfig')
    .description('print a kubeconfig for the federation')
    .requiredOption('--data <dir>', 'data folder of the server')
    .option('--server <url>', 'address to write into it (default: the one that it listens on)')
    .option('--token <token>', "a user's token from the token file, instead of the administrator")
    .option('--name <name>', 'of the context', 'ubernetes')
    .option('--namespace <namespace>', 'default namespace of the context')
    .addHelpText(
      'after',
      `
Examples:
  ubernetes kubeconfig --data ./federation > ~/.kube/federation
  ubernetes kubeconfig --data ./federation --token s3cret --server https://fed.example.com:8443`,
    )
    .action((flags: Flags) => {
      const text = adminKubeconfig(flags.data);
      const { cluster, user } = parseKubeconfig(text).context();
      const decode = (value: unknown): string => Buffer.from(String(value), 'base64').toString();
      const clientCertificate = {
        cert: decode(user['client-certificate-data']),
        key: decode(user['client-key-data']),
      };
      const printed = writeKubeconfig({
        name: flags.name,
        server: flags.server ?? String(cluster['server']),
        ca: decode(cluster['certificate-authority-data']),
        ...(flags.token === undefined ? { clientCertificate } : { token: flags.token }),
        ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
      });
      output.line(printed.trimEnd());
    });
}

function adminKubeconfig(data: string): string {
  const path = join(data, 'admin.kubeconfig');
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(
      `${path} cannot be read: ${messageOf(cause)}`,
      'start the server once: ubernetes serve --data DIR',
      { cause },
    );
  }
}
