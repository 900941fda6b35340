/**
 * The same kubectl command typed at the federation and at a real cluster beside it, and compared.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import { type KubectlResult, runKubectl } from '../../testbed/kubectl.ts';
import type { Member } from '../../testbed/member.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';

export interface BesideOptions {
  /** With controllers and nodes, in the cluster beside as in the members; default false. */
  readonly full?: boolean;
  /** How many members the federation has; default two. */
  readonly members?: number;
  /** Further options of `ubernetes serve`. */
  readonly args?: readonly string[];
}

export interface Typed {
  readonly input?: string;
  /** Takes the older kubectl. */
  readonly older?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Takes out what may differ, after all that always may. */
  readonly without?: (text: string) => string;
  /** Compares exit codes only, because what is printed differs for a reason. */
  readonly codeOnly?: boolean;
}

/** How long one command may take, milliseconds: some wait for a rollout. */
const commandMs = 180_000;
/** Of a command that only reads and shows something else. */
const retries = 20;
const retryMs = 500;
const reading: ReadonlySet<string> = new Set(['get', 'describe', 'api-resources', 'auth']);

export class Beside {
  readonly fleet: Fleet;
  readonly federation: ServedFederation;
  readonly #differences: string[] = [];

  private constructor(fleet: Fleet, federation: ServedFederation) {
    this.fleet = fleet;
    this.federation = federation;
  }

  static async start(options: BesideOptions = {}): Promise<Beside> {
    const { full = false, members = 2, args = [] } = options;
    const names = Array.from({ length: members }, (_, index) => `member-${index + 1}`);
    const [fleet, federation] = await Promise.all([
      startFleet({ members: ['beside', ...names].map((name) => ({ name, full })) }),
      ServedFederation.start({ args }),
    ]);
    const beside = new Beside(fleet, federation);
    try {
      await beside.#join();
      return beside;
    } catch (error) {
      await beside.stop();
      throw error;
    }
  }

  get oracle(): Member {
    return this.fleet.member('beside');
  }

  get members(): readonly Member[] {
    return this.fleet.members.filter((member) => member !== this.oracle);
  }

  async stop(): Promise<void> {
    await this.federation.stop();
    await this.fleet.stop();
    await rm(this.federation.folder, { recursive: true, force: true });
  }

  /** Types a command at both; a difference is remembered for `settle`. Gives ours. */
  async same(command: string | readonly string[], typed: Typed = {}): Promise<KubectlResult> {
    const shown = (result: KubectlResult): string => {
      if (typed.codeOnly) return `exit ${result.code}`;
      const text = [result.stdout, result.stderr].map(normal).join('\n--\n');
      return `exit ${result.code}\n${typed.without?.(text) ?? text}`;
    };
    const ask = () => Promise.all([this.ours(command, typed), this.theirs(command, typed)]);
    let [ours, theirs] = await ask();
    // Either may only not have heard yet of what was written before.
    const reads = reading.has(wordsOf(command)[0]!);
    for (let i = 0; i < retries && reads && shown(ours) !== shown(theirs); i++) {
      await delay(retryMs);
      [ours, theirs] = await ask();
    }
    if (shown(ours) !== shown(theirs)) {
      const line = wordsOf(command).join(' ');
      const which = typed.older ? ' (older kubectl)' : '';
      this.#differences.push(
        `$ kubectl ${line}${which}\n${difference(shown(theirs), shown(ours))}`,
      );
    }
    return ours;
  }

  ours(command: string | readonly string[], typed: Typed = {}): Promise<KubectlResult> {
    return this.#run({ command, typed, kubeconfig: this.federation.kubeconfig, cache: 'ours' });
  }

  theirs(command: string | readonly string[], typed: Typed = {}): Promise<KubectlResult> {
    return this.#run({ command, typed, kubeconfig: this.oracle.kubeconfig, cache: 'theirs' });
  }

  /** Fails with everything that differed since the last call. */
  settle(): void {
    const differences = this.#differences.splice(0);
    assert.equal(differences.join('\n\n'), '', `${differences.length} commands differ`);
  }

  /** Waits for a command at the federation to print what is expected. */
  async until(command: string | readonly string[], expected: string | RegExp): Promise<void> {
    let last = '';
    const line = wordsOf(command).join(' ');
    await waitUntil({
      what: `kubectl ${line} to print ${expected}`,
      check: async () => {
        const { stdout } = await this.ours(command);
        last = stdout.trim();
        return typeof expected === 'string' ? last === expected : expected.test(last);
      },
      everyMs: 200,
    }).catch((error: Error) => {
      throw new Error(`${error.message}\nlast: ${last}\n${this.federation.log()}`);
    });
  }

  #run(run: {
    command: string | readonly string[];
    typed: Typed;
    kubeconfig: string;
    cache: string;
  }): Promise<KubectlResult> {
    const { input, older, env } = run.typed;
    return runKubectl({
      kubeconfig: run.kubeconfig,
      args: wordsOf(run.command),
      cacheFolder: join(this.federation.folder, `${run.cache}${older ? '-older' : ''}`),
      timeoutMs: commandMs,
      ...(input === undefined ? {} : { input }),
      ...(older === undefined ? {} : { older }),
      ...(env === undefined ? {} : { env }),
    });
  }

  async #join(): Promise<void> {
    for (const member of this.members) {
      const { code, output } = await this.federation.join(member);
      assert.equal(code, 0, output);
    }
    const ready =
      'get clusters -o jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}';
    await this.until(ready, this.members.map(() => 'True').join(' '));
  }
}

function wordsOf(command: string | readonly string[]): readonly string[] {
  return typeof command === 'string' ? command.split(' ') : command;
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} UTC/g, '<time>'],
  [/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '<time>'],
  [/127\.0\.0\.1:\d+/g, '<address>'],
  [/(resourceVersion"?: ")\d+/g, '$1<version>'],
  [/(?<=\s)\d+(ms|s|m|h|d)(\d+(s|m|h))?(?=\s|$)/gm, '<age>'],
  [/\/tmp\/\S+/g, '<file>'],
  [/[ \t]+/g, ' '],
  [/ $/gm, ''],
];

function normal(output: string): string {
  let text = output.trim();
  for (const [pattern, replacement] of patterns) text = text.replace(pattern, replacement);
  return text;
}

/** Lines that only one side has, in order: enough to see what is wrong. */
function difference(theirs: string, ours: string): string {
  const [left, right] = [theirs.split('\n'), ours.split('\n')];
  const only = (lines: string[], others: string[], sign: string): string[] =>
    lines.filter((line) => !others.includes(line)).map((line) => `${sign} ${line}`);
  const lines = [...only(left, right, '-'), ...only(right, left, '+')];
  return (lines.length > 0 ? lines : ['(the same lines in another order)', ...right]).join('\n');
}
