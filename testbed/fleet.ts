/** A fleet of real clusters on one etcd, gone without a trace when it is stopped. */
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { binariesFolder, missingBinaries, type Need } from './binaries.ts';
import { type Etcd, startEtcd } from './etcd.ts';
import { type Member, type MemberSpec, RealMember } from './member.ts';
import { withPorts } from './ports.ts';
import { isRunning, removeFolder, temporaryFolder } from './processes.ts';

/** More would only wait for each other's turn, some beyond their own time limits. */
const startsAtOnce = Math.max(4, 2 * availableParallelism());

/** What to start. */
export interface FleetSpec {
  readonly members: readonly MemberSpec[];
  /** etcd waits for the disk on every write; default false. */
  readonly durable?: boolean;
  /** Where to tell what happens; default silent. */
  readonly log?: (line: string) => void;
}

/** A running fleet. */
export interface Fleet extends AsyncDisposable {
  /** In the order of the specification, then of addition. */
  readonly members: readonly Member[];
  /** Its temporary folder: kubeconfigs, data and logs. */
  readonly folder: string;
  readonly etcd: Etcd;
  /** The member of this name; throws if there is none. */
  member(name: string): Member;
  /** Starts one more. */
  add(spec: MemberSpec): Promise<Member>;
  /** Kills every process and removes the folder; throws if something survived. */
  stop(): Promise<void>;
}

/** Starts etcd and all members at the same time; resolves when all are ready. */
export async function startFleet(spec: FleetSpec): Promise<Fleet> {
  const missing = missingBinaries(...needsOf(spec.members));
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(', ')} not in ${binariesFolder()}: run \`npm run testbed -- build\``,
    );
  }
  const folder = await temporaryFolder('ubernetes-testbed');
  spec.log?.(`starting a fleet in ${folder}`);
  let etcd: Etcd | undefined;
  try {
    etcd = await startEtcd({ folder, durable: spec.durable ?? false });
    const fleet = new RealFleet({ folder, etcd, log: spec.log ?? (() => {}) });
    try {
      await fleet.addAll(spec.members);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  } catch (error) {
    await etcd?.stop();
    await removeFolder(folder);
    throw error;
  }
}

function needsOf(members: readonly MemberSpec[]): Need[] {
  return members.flatMap(({ full = true, older = false }) => [
    full ? 'full' : 'bare',
    ...(older ? (['older'] as const) : []),
  ]);
}

class RealFleet implements Fleet {
  readonly folder: string;
  readonly etcd: Etcd;
  readonly #log: (line: string) => void;
  #members: RealMember[] = [];

  constructor(options: { folder: string; etcd: Etcd; log: (line: string) => void }) {
    this.folder = options.folder;
    this.etcd = options.etcd;
    this.#log = options.log;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  member(name: string): Member {
    const member = this.#members.find((one) => one.name === name);
    if (!member) throw new Error(`no member ${name} in this fleet`);
    return member;
  }

  async add(spec: MemberSpec): Promise<Member> {
    const [member] = await this.addAll([spec]);
    return member as Member;
  }

  async addAll(specs: readonly MemberSpec[]): Promise<Member[]> {
    const before = this.#members;
    const names = [...before, ...specs].map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`two members have the same name: ${twice}`);
    const waiting = [...specs.entries()];
    const started: RealMember[] = [];
    const startNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, spec] = next;
        started[index] = await this.#startNew(spec);
        this.#log(`${spec.name} (${started[index].version}) is ready`);
      }
    };
    // Nothing is still starting when this ends, even if one start fails.
    const turns = await Promise.allSettled(Array.from({ length: startsAtOnce }, startNext));
    const failure = turns.find((turn) => turn.status === 'rejected');
    if (failure) throw failure.reason;
    this.#members = [...before, ...started];
    return started;
  }

  async #startNew(spec: MemberSpec): Promise<RealMember> {
    const place = { folder: this.folder, etcdUrl: this.etcd.url };
    return withPorts(async () => {
      let member: RealMember | undefined;
      try {
        member = await RealMember.prepare(spec, place);
        this.#members = [...this.#members, member];
        await member.start();
        return member;
      } catch (error) {
        this.#members = this.#members.filter((one) => one !== member);
        await member?.close();
        if (member) await rm(join(this.folder, spec.name), { recursive: true });
        throw error;
      }
    });
  }

  async stop(): Promise<void> {
    const members = this.#members;
    this.#members = [];
    const pids = members.flatMap((m) => m.processes()).map(({ pid }) => pid);
    await Promise.all(members.map((member) => member.close()));
    await this.etcd.stop();
    await removeFolder(this.folder);
    const survivors = [...pids, this.etcd.process.pid].filter(isRunning);
    if (survivors.length > 0) throw new Error(`still running: ${survivors.join(', ')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
