/** A fleet of real clusters on one etcd, gone without a trace when it is stopped. */
import { binariesFolder, missingBinaries, type Need } from './binaries.ts';
import { type Etcd, startEtcd } from './etcd.ts';
import { type Member, type MemberSpec, RealMember } from './member.ts';
import { isRunning, removeFolder, temporaryFolder } from './processes.ts';

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
  const names = new Set(spec.members.map(({ name }) => name));
  if (names.size !== spec.members.length) throw new Error('two members have the same name');
  const folder = await temporaryFolder('ubernetes-testbed');
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
    const place = { folder: this.folder, etcdUrl: this.etcd.url };
    const members = await Promise.all(specs.map((spec) => RealMember.prepare(spec, place)));
    this.#members = [...this.#members, ...members];
    await Promise.all(
      members.map(async (member) => {
        await member.start();
        this.#log(`${member.name} (${member.version}) is ready`);
      }),
    );
    return members;
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
