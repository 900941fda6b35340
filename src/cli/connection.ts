/** How a command reaches the federation, or a cluster: from a kubeconfig, as kubectl does. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageOf, UserError } from '../base/errors.ts';
import { type ConnectionSettings, connectionOf, parseKubeconfig } from '../client/kubeconfig.ts';
import { RestClient } from '../client/rest.ts';
import { execRunner } from '../client/tls-exec-credential.ts';
import { TlsTransport } from '../client/tls-transport.ts';

export interface KubeconfigChoice {
  /** Absent: $KUBECONFIG, else ~/.kube/config. */
  readonly path: string | undefined;
  /** Absent: the current one. */
  readonly context: string | undefined;
  /** What the path was asked for by, for hints: --kubeconfig, --member-kubeconfig. */
  readonly flag: string;
}

/** @throws UserError when the file cannot be read or names no such context. */
export async function settingsFrom(
  choice: KubeconfigChoice,
  clock: Clock,
): Promise<ConnectionSettings> {
  const path = choice.path ?? defaultPath(process.env);
  const text = read(path, choice.flag);
  const context = parseKubeconfig(text).context(choice.context);
  // The user named this file: what it runs to get a credential is what kubectl would run.
  const plugin = context.user['exec'] as { command?: string } | undefined;
  const allowed = typeof plugin?.command === 'string' ? [plugin.command] : [];
  return connectionOf(context, {
    clock,
    directory: dirname(resolve(path)),
    readFile: (file) => readFileSync(file, 'utf8'),
    exec: execRunner(allowed),
  });
}

export async function federationClient(
  choice: { readonly kubeconfig?: string; readonly context?: string },
  clock: Clock,
): Promise<RestClient> {
  const { kubeconfig: path, context } = choice;
  const settings = await settingsFrom({ path, context, flag: '--kubeconfig' }, clock);
  return new RestClient(new TlsTransport(settings), { userAgent: 'ubernetes-cli' });
}

/** The first file of $KUBECONFIG, else kubectl's default. */
function defaultPath(env: Readonly<Record<string, string | undefined>>): string {
  const [first] = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return first ?? join(homedir(), '.kube', 'config');
}

function read(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(
      `the kubeconfig ${path} cannot be read: ${messageOf(cause)}`,
      `give a file with ${flag}`,
      {
        cause,
      },
    );
  }
}
