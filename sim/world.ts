/** One fleet: members, the federation, the lines between them, and everybody who watches. */
import { StepClock } from '../src/base/clock.ts';
import { silentLogger } from '../src/base/log.ts';
import { SeededRandom } from '../src/base/random.ts';
import type { Transport } from '../src/client/transport.ts';
import type { OpenTransport } from '../src/members/connection.ts';
import { type Joined, joinMember } from '../src/members/join.ts';
import { SandboxMember } from '../src/sandbox/member.ts';
import { someTypes } from '../src/sandbox/some-types.ts';
import type { MemorySnapshot } from '../src/store/memory.ts';
import type { Change } from '../src/store/store.ts';
import { Dice } from './dice.ts';
import { FaultyLine } from './faulty-line.ts';
import { Mirror } from './mirror.ts';
import { UserModel } from './model.ts';
import { FederationProcess } from './process.ts';
import { quickWorkloads } from './quick-workloads.ts';
import { settled, Timeline } from './timeline.ts';
import { type MemberWrite, watchedTransport } from './wire.ts';

export interface SimMember {
  readonly name: string;
  readonly sandbox: SandboxMember;
  readonly line: FaultyLine;
  readonly mirror: Mirror;
}

/** A bug put between the federation and a member, or under its store, to show that it is caught. */
export interface Plant {
  readonly wire?: (inner: Transport, member: SimMember, world: World) => Transport;
  /** What is left of the store after a crash. */
  readonly disk?: (now: MemorySnapshot, earlier: MemorySnapshot) => MemorySnapshot;
}

export interface Observer {
  onRequest?(write: MemberWrite, world: World): void;
  onAnswer?(write: MemberWrite, status: number, world: World): void;
  onCommit?(changes: readonly Change[], world: World): void;
}

/** The content of a store. */
export interface Stored {
  readonly mirror: Mirror;
}

/** Longest that a write is on its way to a member, milliseconds. */
export const onItsWayMs = 5000;

/** The federation is killed after so many more commits or writes to members. */
export interface Doom {
  commits?: number;
  writes?: number;
  readonly onStrike?: () => void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly observers: readonly Observer[];
  /** The federation serves, for the first time or again. */
  readonly onServe: () => void;
  readonly plant?: Plant;
  readonly onTrace?: (line: string) => void;
}

const memberNames = ['alder', 'birch', 'cedar', 'dogwood', 'elm'];
const failoverAfterMs = 45_000;

/** Enough types for what the users of a fleet make; a whole catalog takes longer than a fleet. */
const groups = new Set([
  ...['', 'apps', 'batch', 'coordination.k8s.io', 'rbac.authorization.k8s.io'],
  ...['apiextensions.k8s.io', 'apiregistration.k8s.io'],
]);
const types = someTypes((group, version) => groups.has(group) && version === 'v1');

export class World {
  readonly dice: Dice;
  readonly clock = new StepClock();
  readonly timeline = new Timeline(this.clock);
  /** What stands in the federation's store. */
  readonly mirror = new Mirror();
  readonly model = new UserModel();
  readonly members = new Map<string, SimMember>();
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  /** What the checkers have looked at: commits to the store, writes that reached a member. */
  readonly looked = { commits: 0, writes: 0 };
  process: FederationProcess | undefined;
  #term = 0;
  #disk: MemorySnapshot | undefined;
  /** As it was some commits ago, for planted bugs. */
  #earlier: MemorySnapshot | undefined;
  #doom: Doom = {};
  /** What was stored when a backup was last restored. */
  #lost: (Stored & { readonly at: number }) | undefined;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.dice = new Dice(new SeededRandom(options.seed));
    this.mirror.onCommit((changes) => this.#onCommit(changes));
  }

  /** Members and federation run, and the first members have joined. */
  async start(): Promise<void> {
    const { members } = this.#options;
    for (const name of memberNames.slice(0, members + 1)) await this.#addMember(name);
    await this.startFederation();
    for (const name of memberNames.slice(0, members)) await this.join(name);
    await this.timeline.run(5000);
  }

  /**
   * What was stored when a write was sent that arrives now: just after a backup was restored, it
   * may have been sent by the process before.
   */
  get whenSent(): readonly Stored[] {
    const lost = this.#lost;
    return lost !== undefined && this.clock.now() - lost.at < onItsWayMs ? [this, lost] : [this];
  }

  log(line: string): void {
    const entry = `${this.timeline.elapsed} ${line}`;
    this.trace.push(entry);
    this.#options.onTrace?.(entry);
  }

  violation(checker: string, what: string): void {
    const text = `${checker}: ${what}`;
    this.log(`VIOLATION ${text}`);
    this.violations.push(text);
  }

  /** A crash may come right after some commit, or right after a write has reached a member. */
  doom(doom: Doom): void {
    this.#doom = doom;
  }

  async startFederation(): Promise<boolean> {
    this.#term++;
    const process = new FederationProcess({
      clock: this.clock,
      random: this.dice.fork(),
      snapshot: this.#disk,
      term: this.#term,
      preflight: this.dice.chance(0.25),
      failoverAfterMs,
      openTransport: this.#openTransport(),
      onStore: (store) => this.mirror.attach(store),
    });
    this.process = process;
    try {
      await this.timeline.finish(process.start(), 120_000);
    } catch (error) {
      if (process.alive) throw error;
      return false;
    }
    this.log(`federation serves, term ${this.#term}, revision ${process.store.revision}`);
    this.#options.onServe();
    return true;
  }

  /** The process ends between two steps; what it had committed is on its disk. */
  killFederation(why: string): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    this.#doom = {};
    const disk = process.kill();
    this.#disk = this.#options.plant?.disk?.(disk, this.#earlier ?? disk) ?? disk;
    this.log(`federation killed: ${why}`);
    for (const { line } of this.members.values()) line.reset();
    void settled().then(() => process.store.close());
  }

  #strike(why: string): void {
    const { onStrike } = this.#doom;
    if (this.process !== undefined) onStrike?.();
    this.killFederation(why);
  }

  async stopFederation(): Promise<void> {
    const { process } = this;
    if (process === undefined) return;
    this.#disk = await this.timeline.finish(process.stop(), 60_000);
    this.process = undefined;
    for (const { line } of this.members.values()) line.reset();
    await process.store.close();
    this.log('federation stopped');
  }

  backup(): MemorySnapshot | undefined {
    return this.process?.store.snapshot();
  }

  /** The next start is from this copy. */
  restore(disk: MemorySnapshot): void {
    this.#lost = { mirror: this.mirror.copy(), at: this.clock.now() };
    this.killFederation('to restore a backup');
    this.#disk = disk;
  }

  /** The operator means it: `ubernetes recover --accept-rollback`. */
  async acceptRollback(): Promise<void> {
    const { process, timeline } = this;
    const client = process!.client('operator');
    const collection = '/api/v1/namespaces/ubernetes-system/configmaps';
    const data = { accept: 'true' };
    await timeline.run(3000);
    const metadata = { name: 'recovery' };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    const patch = { type: 'application/merge-patch+json', body: { data } } as const;
    const accepted = client
      .create(collection, object)
      .catch(() => client.patch(`${collection}/recovery`, patch));
    await timeline.finish(process!.orCrash(accepted), 30_000).catch(() => {});
    this.log('rollback accepted');
  }

  /** Takes a member in, as its administrator. */
  join(name: string): Promise<Joined | undefined> {
    const { process } = this;
    const member = this.members.get(name)!;
    if (process?.federation === undefined) return Promise.resolve(undefined);
    const joining = async (): Promise<Joined> => {
      const client = process.client('operator');
      const home = await client.get('/api/v1/namespaces/kube-system');
      return joinMember({
        federation: client,
        federationId: home.object().metadata.uid!,
        name,
        settings: { server: member.sandbox.server, clock: this.clock },
        clock: this.clock,
        labels: { tier: 'gold' },
        openTransport: ({ token }) =>
          member.sandbox.transport(token === undefined ? undefined : () => token()),
      });
    };
    return this.timeline.finish(process.orCrash(joining()), 120_000);
  }

  /** Everything ends, so that nothing of it stays in memory. */
  async close(): Promise<void> {
    this.killFederation('the end');
    await settled();
    for (const { sandbox } of this.members.values()) if (sandbox.running) await sandbox.stop();
  }

  async crashMember(name: string): Promise<void> {
    const { sandbox } = this.members.get(name)!;
    await this.timeline.finish(sandbox.stop(), 30_000);
  }

  async startMember(name: string): Promise<void> {
    const { sandbox, mirror } = this.members.get(name)!;
    await mirror.attach(sandbox.store);
    await this.timeline.finish(sandbox.start(), 30_000);
  }

  async #addMember(name: string): Promise<void> {
    const sandbox = new SandboxMember({
      ...{ name, region: 'sim', zone: `sim-${name}`, nodes: 1, podsPerNode: 1000 },
      clock: this.clock,
      random: this.dice.fork(),
      log: silentLogger,
      types,
      workloads: quickWorkloads,
    });
    const mirror = new Mirror();
    const line = new FaultyLine(this.clock, new Dice(this.dice.fork()));
    this.members.set(name, { name, sandbox, line, mirror });
    await this.startMember(name);
  }

  #openTransport(): OpenTransport {
    return ({ spec }, credential) => {
      const all = [...this.members.values()];
      const member = all.find(({ sandbox }) => sandbox.server === spec.server)!;
      const { name, mirror, line } = member;
      const wire = watchedTransport(
        member.sandbox.transport(() => credential()?.token),
        {
          cluster: name,
          mirror,
          onRequest: (write) => {
            for (const observer of this.#options.observers) observer.onRequest?.(write, this);
          },
          onAnswer: (write, status) => this.#onAnswer(write, status),
        },
      );
      const faulty = line.through(wire);
      return this.#options.plant?.wire?.(faulty, member, this) ?? faulty;
    };
  }

  #onAnswer(write: MemberWrite, status: number): void {
    const { cluster, method, path } = write;
    this.looked.writes++;
    if (!path.includes('/leases/')) this.log(`${cluster} ${method} ${path} ${status}`);
    for (const observer of this.#options.observers) observer.onAnswer?.(write, status, this);
    if (this.#doom.writes !== undefined && --this.#doom.writes <= 0) {
      this.#strike(`after ${method} ${path} in ${cluster}`);
    }
  }

  #onCommit(changes: readonly Change[]): void {
    this.looked.commits++;
    for (const observer of this.#options.observers) observer.onCommit?.(changes, this);
    if (this.#options.plant?.disk !== undefined && this.dice.chance(0.02)) {
      this.#earlier = this.process?.store.snapshot();
    }
    if (this.#doom.commits !== undefined && --this.#doom.commits <= 0) {
      this.#strike(`after a commit to ${changes[0]?.key ?? 'nothing'}`);
    }
  }
}
