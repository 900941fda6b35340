/** The command line: every command with its options and examples, one way to fail. */
import { Command, CommanderError } from 'commander';
import type { Clock } from '../base/clock.ts';
import { addCompletion } from './commands/completion.ts';
import { addJoin, addUnjoin, type CommandContext } from './commands/join.ts';
import { addKubeconfig } from './commands/kubeconfig.ts';
import { addRecover } from './commands/recover.ts';
import { exitCodes, Output, type Terminal, UsageError } from './output.ts';

export interface ProgramOptions {
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly version: string;
  /** Commands that are no mere clients: serve and demo. */
  readonly add: (program: Command, context: CommandContext) => void;
}

/** Runs one command line and resolves to its exit code: 0, 1 = failed, 2 = wrong usage. */
export async function runProgram(
  words: readonly string[],
  { clock, terminal, version, add }: ProgramOptions,
): Promise<number> {
  const output = new Output(terminal);
  const program = new Command('ubernetes')
    .description('One Kubernetes API in front of many clusters')
    .version(version)
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .showHelpAfterError('hint: see --help')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  ubernetes demo                                         four sandbox clusters, and what happens in them
  ubernetes serve --data ./federation --listen 127.0.0.1:8443
  ubernetes join eu-west --kubeconfig ./federation/admin.kubeconfig --member-kubeconfig ~/.kube/eu-west
  kubectl --kubeconfig ./federation/admin.kubeconfig get clusters`,
    );
  const context: CommandContext = { clock, output };
  add(program, context);
  addJoin(program, context);
  addUnjoin(program, context);
  addKubeconfig(program, context);
  addRecover(program, context);
  addCompletion(program, context);
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    output.error(error);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
}
