/**
 * Real clusters joined to a served federation, and the few words that tests about copies are
 * written in.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import type { KubectlResult } from '../../testbed/kubectl.ts';
import type { Member, MemberSpec } from '../../testbed/member.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from '../e2e/serving.ts';

type Words = string | readonly string[];

export class Joined {
  readonly fleet: Fleet;
  readonly federation: ServedFederation;

  private constructor(fleet: Fleet, federation: ServedFederation) {
    this.fleet = fleet;
    this.federation = federation;
  }

  static async start(members: readonly MemberSpec[], args: readonly string[] = []) {
    const [fleet, federation] = await Promise.all([
      startFleet({ members }),
      ServedFederation.start({ args }),
    ]);
    const joined = new Joined(fleet, federation);
    try {
      for (const member of fleet.members) await joined.join(member);
      return joined;
    } catch (error) {
      await joined.stop();
      throw error;
    }
  }

  member(name: string): Member {
    return this.fleet.member(name);
  }

  async join(member: Member): Promise<void> {
    const { code, output } = await this.federation.join(member);
    assert.equal(code, 0, `${output}\n${this.federation.log()}`);
  }

  async stop(): Promise<void> {
    await this.federation.stop();
    await this.fleet.stop();
    await rm(this.federation.folder, { recursive: true, force: true });
  }

  /** kubectl at the federation; fails when it fails. Gives what it printed. */
  async kubectl(words: Words, input?: string | object): Promise<string> {
    const result = await this.tried(words, input);
    assert.equal(result.code, 0, `${lineOf(words)}: ${result.stderr}\n${this.federation.log()}`);
    return result.stdout.trim();
  }

  /** kubectl at the federation, whatever comes of it. */
  tried(words: Words, input?: string | object): Promise<KubectlResult> {
    return this.federation.kubectlWith({ args: split(words), input: textOf(input) });
  }

  apply(...objects: readonly object[]): Promise<string> {
    return this.kubectl('apply -f -', { apiVersion: 'v1', kind: 'List', items: objects });
  }

  /** kubectl in a member, with its administrator's hand. */
  async in(member: string, words: Words, input?: string | object): Promise<string> {
    const result = await this.member(member).kubectlWith(textOf(input), ...split(words));
    assert.equal(result.code, 0, `${member}: ${lineOf(words)}: ${result.stderr}`);
    return result.stdout.trim();
  }

  /** Waits for a command at the federation to print what is expected. */
  until(words: Words, expected: string | RegExp): Promise<string> {
    return this.#until('the federation', () => this.tried(words), { words, expected });
  }

  /** Waits for a command in a member to print what is expected. */
  untilIn(member: string, words: Words, expected: string | RegExp): Promise<string> {
    const look = () => this.member(member).kubectl(...split(words));
    return this.#until(member, look, { words, expected });
  }

  /** Waits for the entry of one cluster in a Distribution to show a field so. */
  entry(distribution: string, at: EntryAt, expected: string | RegExp): Promise<string> {
    const path = `{.status.clusters[?(@.name=="${at.cluster}")].${at.field}}`;
    const scope = at.namespace === undefined ? [] : ['-n', at.namespace];
    const kind = at.namespace === undefined ? 'clusterdistribution' : 'distribution';
    return this.until(['get', kind, distribution, ...scope, '-o', `jsonpath=${path}`], expected);
  }

  async #until(
    where: string,
    look: () => Promise<KubectlResult>,
    { words, expected }: { words: Words; expected: string | RegExp },
  ): Promise<string> {
    let last: KubectlResult | undefined;
    const shown = (): string => last?.stdout.trim() ?? '';
    await waitUntil({
      what: `${where}: ${lineOf(words)} to print ${expected}`,
      check: async () => {
        last = await look();
        return typeof expected === 'string' ? shown() === expected : expected.test(shown());
      },
      everyMs: 150,
    }).catch((error: Error) => {
      const seen = `last: ${last?.stdout}${last?.stderr}`;
      throw new Error(`${error.message}\n${seen}\n${this.federation.log()}`);
    });
    return shown();
  }
}

export interface EntryAt {
  readonly cluster: string;
  /** A field of the entry, as jsonpath. */
  readonly field: string;
  /** Absent: of a cluster-scoped object. */
  readonly namespace?: string;
}

function split(words: Words): string[] {
  return typeof words === 'string' ? words.split(' ') : [...words];
}

function lineOf(words: Words): string {
  return `kubectl ${split(words).join(' ')}`;
}

function textOf(input: string | object | undefined): string {
  if (input === undefined) return '';
  return typeof input === 'string' ? input : JSON.stringify(input);
}
