/** The options of the demo, the same for sandbox members and real ones. */
import type { Command } from 'commander';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { CommandContext } from '../cli/commands/join.ts';
import type { Cast } from './demo.ts';
import { createLogger } from './log.ts';
import type { ServeContext } from './serve.ts';
import { stopSignal } from './stop-signal.ts';

interface Flags {
  readonly listen: string;
  readonly stay?: boolean;
  readonly exit?: boolean;
}

export interface DemoCommandOptions {
  readonly clock: Clock;
  readonly random: Random;
  startCast(context: ServeContext, flags: Readonly<Record<string, unknown>>): Promise<Cast>;
}

/** Adds `demo`; whoever has other casts adds options of its own to the result. */
export function addDemo(
  program: Command,
  { output }: CommandContext,
  { clock, random, startCast }: DemoCommandOptions,
): Command {
  return program
    .command('demo')
    .description('four clusters in four zones, and what happens in them, told step by step')
    .option('--listen <host:port>', 'address of the federation', '127.0.0.1:0')
    .option('--stay', 'keep everything running afterwards (default on a terminal)')
    .option('--exit', 'end with the story (default elsewhere)')
    .addHelpText(
      'after',
      `
Examples:
  ubernetes demo                            tells the story, then waits for you to go on with kubectl
  ubernetes demo --exit                     tells the story and cleans up
  npm run demo -- --testbed                 the same on real kube-apiservers`,
    )
    .action(async (flags: Flags) => {
      const stays = flags.exit ? false : (flags.stay ?? process.stdout.isTTY === true);
      const context = { clock, random, log: createLogger('error') };
      const { runDemo } = await import('./demo.ts');
      await runDemo({
        ...context,
        output,
        listen: flags.listen,
        ...(stays ? { until: stopSignal() } : {}),
        startCast: () => startCast(context, { ...flags }),
      });
    });
}
