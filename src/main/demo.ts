/**
 * `ubernetes demo`: a federation on a temporary folder, its cast of clusters, and the story told
 * with them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Output } from '../cli/output.ts';
import type { RestClient } from '../client/rest.ts';
import type { OpenTransport } from '../members/connection.ts';
import { findAmong, openSandboxes } from '../sandbox/open.ts';
import { joinStage, onStage, startStage } from '../sandbox/stage.ts';
import { runStory, type StoryMember } from '../sandbox/story.ts';
import { accessDefaults } from './access-options.ts';
import { auditDefaults } from './audit-options.ts';
import { serveOptions } from './options.ts';
import { runningDefaults } from './running-options.ts';
import { type ServeContext, serve } from './serve.ts';

/** Who plays the members: sandboxes in this process, or real clusters. */
export interface Cast {
  readonly members: readonly StoryMember[];
  readonly openTransport?: OpenTransport;
  join(federation: RestClient): Promise<unknown>;
  stop(): Promise<void>;
}

export interface DemoOptions extends ServeContext {
  readonly output: Output;
  readonly listen: string;
  /** Resolves when the user has seen enough; absent: the demo ends with the story. */
  readonly until?: Promise<void>;
  startCast(): Promise<Cast>;
}

/** Tells the story; with `until`, the federation stays for the user to go on with. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { output, clock, until } = options;
  const folder = mkdtempSync(join(tmpdir(), 'ubernetes-demo-'));
  const cast = await options.startCast();
  try {
    const serving = await serve(demoOptions(folder, options.listen), {
      ...options,
      ...(cast.openTransport === undefined ? {} : { openTransport: cast.openTransport }),
    });
    try {
      output.line(`The federation serves at ${serving.url}; all its state is in one file.`);
      const { client } = serving.federation;
      await cast.join(client);
      await runStory({
        federation: client,
        members: cast.members,
        clock,
        print: (text) => output.line(text),
        kubectl: `kubectl --kubeconfig ${serving.kubeconfig}`,
        keep: until !== undefined,
      });
      if (until !== undefined) {
        output.line(`\nIn a browser (no credential needed): ${serving.url}/readyz?verbose`);
        output.line('Ctrl-C ends the demo and removes everything.');
        await until;
      } else {
        output.line('\nThe demo ends here and removes everything. To go on with your own kubectl:');
        output.line('   npm run demo -- --stay');
      }
    } finally {
      await serving.stop();
    }
  } finally {
    await cast.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function demoOptions(folder: string, listen: string) {
  return serveOptions({
    ...runningDefaults,
    ...auditDefaults,
    ...accessDefaults,
    data: join(folder, 'data'),
    listen,
    failoverAfter: '5m',
    preflight: true,
    logLevel: 'error',
  });
}

/** Four sandbox clusters in this process, in four zones as on the stage. */
export async function sandboxCast(context: ServeContext): Promise<Cast> {
  const members = await startStage(context);
  return {
    members: members.map(onStage),
    openTransport: openSandboxes(findAmong(members)),
    join: (federation) => joinStage(members, { federation, clock: context.clock }),
    async stop() {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}
