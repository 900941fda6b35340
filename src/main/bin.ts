/** The program: clients' commands, and the two that run a federation. */
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { holdProcess, WallClock } from '../base/clock.ts';
import { SystemRandom } from '../base/random.ts';
import type { CommandContext } from '../cli/commands/join.ts';
import { fromOptions } from '../cli/output.ts';
import { runProgram } from '../cli/program.ts';
import { addAccessOptions } from './access-options.ts';
import { addAuditOptions } from './audit-options.ts';
import { addDemo } from './demo-command.ts';
import { createLogger } from './log.ts';
import { type ServeFlags, serveOptions } from './options.ts';
import { addRunningOptions } from './running-options.ts';
import { stopSignal } from './stop-signal.ts';

const clock = new WallClock();
const random = new SystemRandom();
const manifest = new URL('../../package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

function addServe(program: Command, { output }: CommandContext): void {
  const command = program
    .command('serve')
    .description('run the federation on a data folder until SIGTERM')
    .requiredOption(
      '--data <dir>',
      'data folder: store, keys and admin.kubeconfig; made when absent',
    )
    .option('--listen <host:port>', 'address to serve HTTPS on', '127.0.0.1:8443')
    .option('--advertise <host>', 'name or address that clients use (default: the one listened on)')
    .option(
      '--token-auth-file <file>',
      'users\' tokens in kube-apiserver\'s CSV: token,user,uid,"groups"',
    )
    .option('--failover-after <duration>', 'replace the replicas of a cluster out of reach', '5m')
    .option('--no-preflight', 'do not ask a member before accepting an object');
  addAuditOptions(addAccessOptions(addRunningOptions(command)))
    .addHelpText(
      'after',
      `
Prints one line "ready URL" when it serves. Logs go to standard error. SIGTERM ends it: /readyz fails,
requests in flight are answered, watches end; a second one ends it at once.

Examples:
  ubernetes serve --data ./federation
  ubernetes serve --data /var/lib/ubernetes --listen 0.0.0.0:8443 --advertise fed.example.com`,
    )
    .action(async (flags: ServeFlags) => {
      const options = fromOptions(() => serveOptions(flags));
      const log = createLogger(options.logLevel, options.logFormat);
      const stop = stopSignal();
      // Clients' commands start without the server, and the server without the demo's sandbox.
      const { serve } = await import('./serve.ts');
      const serving = await serve(options, { clock, random, log, version });
      output.line(`ready ${serving.url}`);
      await stop;
      await serving.stop();
    });
}

// Small buffers are cut from pools; one that is kept keeps its pool alive, by default 64 KiB.
Buffer.poolSize = 8 * 1024;

const release = holdProcess();
process.exitCode = await runProgram(process.argv.slice(2), {
  clock,
  terminal: { out: process.stdout, err: process.stderr, env: process.env },
  version,
  add: (program, context) => {
    addDemo(program, context, {
      clock,
      random,
      startCast: async (parts) => (await import('./demo.ts')).sandboxCast(parts),
    });
    addServe(program, context);
  },
});
release();
