/** What goes wrong in a fleet: each fault begins at a moment, and some last a while. */
import type { KubeObject } from '../src/kube/object.ts';
import { pathOf } from '../src/kube/resource.ts';
import { markOf } from '../src/propagation/mark.ts';
import type { MemorySnapshot } from '../src/store/memory.ts';
import { type LineState, sound } from './faulty-line.ts';
import { simKinds, versionOf } from './kinds.ts';
import { storeKey } from './mirror.ts';
import type { UserModel } from './model.ts';
import { namespaces } from './operations.ts';
import type { SimMember, World } from './world.ts';

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Begins it; false when nothing is broken, or not yet. */
  begin(faults: Faults): Promise<boolean> | boolean;
}

/** Of every fleet: it goes on until it has had so many. */
const atLeast = { faults: 5, kinds: 3 };

/** Longest that a line or a process is out of order, milliseconds. */
const lastsMs = { least: 2000, most: 90_000 };

function onLine(name: string, weight: number, state: (faults: Faults) => LineState): Fault {
  return { name, weight, begin: (faults) => faults.disturb(name, state(faults)) };
}

const possible: readonly Fault[] = [
  onLine('partition', 4, () => ({ kind: 'refusing' })),
  onLine('silence', 3, () => ({ kind: 'silent' })),
  onLine('answers-lost', 4, () => ({ kind: 'deaf' })),
  onLine('slow', 2, ({ world }) => ({ kind: 'slow', ms: world.dice.between(5, 900) })),
  onLine('overloaded', 3, ({ world }) => ({
    kind: 'busy',
    status: world.dice.pick([429, 500, 503] as const),
    share: 0.2 + world.dice.between(0, 7) / 10,
  })),
  { name: 'reset', weight: 2, begin: (faults) => faults.resetLine() },
  { name: 'member-crash', weight: 3, begin: (faults) => faults.crashMember() },
  { name: 'federation-crash', weight: 2, begin: (faults) => faults.crash() },
  {
    name: 'crash-after-commit',
    weight: 3,
    begin: (faults) => faults.doom('crash-after-commit', 'commits'),
  },
  {
    name: 'crash-after-write',
    weight: 3,
    begin: (faults) => faults.doom('crash-after-write', 'writes'),
  },
  { name: 'restart', weight: 1, begin: (faults) => faults.restart() },
  { name: 'restore', weight: 1, begin: (faults) => faults.restoreBackup() },
  { name: 'history-lost', weight: 1, begin: (faults) => faults.compact() },
  { name: 'edit-behind', weight: 5, begin: (faults) => faults.editCopy() },
  { name: 'delete-behind', weight: 4, begin: (faults) => faults.deleteCopy() },
  { name: 'label-taken', weight: 2, begin: (faults) => faults.takeLabel() },
  { name: 'stranger', weight: 4, begin: (faults) => faults.squat() },
];

export class Faults {
  readonly world: World;
  /** How often each began. */
  readonly counts = new Map<string, number>();
  /** Strangers as their owners last wrote them, by cluster and store key. */
  readonly strangers = new Map<string, string>();
  /**
   * uids of templates that a restored store knows nothing of, neither that they stand nor that they
   * were deleted: their copies may be orphans.
   */
  readonly forgotten = new Set<string>();
  readonly #ends: { readonly at: number; readonly run: () => Promise<void> }[] = [];
  #backup: { readonly disk: MemorySnapshot; readonly model: UserModel } | undefined;

  constructor(world: World) {
    this.world = world;
  }

  /** Whether the fleet has had its share of trouble. */
  get enough(): boolean {
    const struck = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    return struck >= atLeast.faults && this.counts.size >= atLeast.kinds;
  }

  async beginOne(): Promise<void> {
    const fault = this.world.dice.weighted(possible);
    if (await fault.begin(this)) this.#struck(fault.name);
  }

  #struck(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.world.log(`fault ${name}`);
  }

  /** Ends what has lasted long enough. */
  async endDue(now = this.world.clock.now()): Promise<void> {
    for (const end of this.#ends.filter(({ at }) => at <= now)) {
      this.#ends.splice(this.#ends.indexOf(end), 1);
      await end.run();
    }
    const waits = now < Number.POSITIVE_INFINITY && this.world.dice.chance(0.5);
    if (this.world.process === undefined && !waits) await this.#revive();
  }

  async endAll(): Promise<void> {
    this.world.doom({});
    await this.endDue(Number.POSITIVE_INFINITY);
    for (const { line } of this.world.members.values()) line.set(sound);
  }

  /** Keeps a copy of the federation's disk for a later restore. */
  takeBackup(): void {
    const disk = this.world.backup();
    if (disk !== undefined) this.#backup = { disk, model: this.world.model.copy() };
  }

  disturb(name: string, state: LineState): boolean {
    const member = this.#member();
    if (member.line.state.kind !== 'sound') return false;
    member.line.set(state);
    this.world.log(`${name} of ${member.name}`);
    this.#later(async () => {
      member.line.set(sound);
      this.world.log(`${name} of ${member.name} ends`);
    });
    return true;
  }

  resetLine(): boolean {
    this.#member().line.reset();
    return true;
  }

  async crashMember(): Promise<boolean> {
    const { name, sandbox } = this.#member();
    if (!sandbox.running) return false;
    await this.world.crashMember(name);
    this.world.log(`${name} crashed`);
    this.#later(async () => {
      await this.world.startMember(name);
      this.world.log(`${name} is up again`);
    });
    return true;
  }

  crash(): boolean {
    if (this.world.process === undefined) return false;
    this.world.killFederation('at rest');
    return true;
  }

  /** Counted when it strikes: another crash may come before. */
  doom(name: string, what: 'commits' | 'writes'): boolean {
    if (this.world.process === undefined) return false;
    const onStrike = (): void => this.#struck(name);
    this.world.doom({ [what]: this.world.dice.between(1, 12), onStrike });
    return false;
  }

  async restart(): Promise<boolean> {
    if (this.world.process === undefined) return false;
    await this.world.stopFederation();
    return true;
  }

  async restoreBackup(): Promise<boolean> {
    const backup = this.#backup;
    if (backup === undefined || this.world.process === undefined) return false;
    this.#backup = undefined;
    const before = new Set(this.#recordedUids());
    this.world.restore(backup.disk);
    this.world.model.restore(backup.model);
    await this.#revive();
    const known = new Set(this.#recordedUids());
    for (const uid of before) if (!known.has(uid)) this.forgotten.add(uid);
    await this.world.acceptRollback();
    return true;
  }

  async compact(): Promise<boolean> {
    const { sandbox } = this.#member();
    if (!sandbox.running) return false;
    await sandbox.store.compact(sandbox.store.revision);
    return true;
  }

  async editCopy(): Promise<boolean> {
    const found = this.#copy();
    if (found === undefined) return false;
    const { member, object, path } = found;
    const data = object['data'] !== undefined;
    const body = data
      ? { data: { marker: 'bW92ZWQ=' } }
      : { metadata: { annotations: { 'sim/marker': 'moved' } } };
    const spec = object['spec'] as { replicas?: number } | undefined;
    const scaled = { spec: { replicas: 40 } };
    await this.#meddle(member, path, spec?.replicas === undefined ? body : scaled);
    return true;
  }

  async takeLabel(): Promise<boolean> {
    const found = this.#copy();
    if (found === undefined) return false;
    const labels = { 'ubernetes.dev/federation': null };
    await this.#meddle(found.member, found.path, { metadata: { labels } });
    return true;
  }

  async deleteCopy(): Promise<boolean> {
    const found = this.#copy();
    if (found === undefined) return false;
    await this.world.timeline.finish(found.member.sandbox.client.remove(found.path), 10_000);
    this.world.log(`${found.member.name}: ${found.path} deleted behind our back`);
    return true;
  }

  /** Somebody makes an object of their own under a name that the federation may want. */
  async squat(): Promise<boolean> {
    const member = this.#member();
    if (!member.sandbox.running) return false;
    const { dice } = this.world;
    const kind = dice.pick(simKinds);
    const namespace = dice.pick(namespaces);
    const name = dice.pick(['one', 'two', 'three', 'four']);
    const key = storeKey({ ...kind, namespace, name });
    if (member.mirror.get(key) !== undefined) return false;
    const object = {
      apiVersion: versionOf(kind),
      kind: kind.kind,
      metadata: { name, namespace, labels: { owner: 'stranger' } },
      ...kind.body(0, 3),
    };
    const path = pathOf({ ...kind, version: 'v1', namespace });
    const { client } = member.sandbox;
    const made = client.create(path, object).catch(() => undefined);
    if ((await this.world.timeline.finish(made, 10_000)) === undefined) return false;
    this.strangers.set(`${member.name} ${key}`, unchanging(member.mirror.get(key)));
    this.world.log(`${member.name}: a stranger's ${kind.resource} ${namespace}/${name}`);
    return true;
  }

  async #meddle(member: SimMember, path: string, body: object): Promise<void> {
    const patch = { type: 'application/merge-patch+json', body } as const;
    const meddled = member.sandbox.client.patch(path, patch, { fieldManager: 'meddler' });
    await this.world.timeline.finish(meddled, 10_000);
    this.world.log(`${member.name}: ${path} edited behind our back`);
  }

  #member(): SimMember {
    return this.world.dice.pick([...this.world.members.values()]);
  }

  /** Some copy in some member that runs. */
  #copy(): { member: SimMember; object: KubeObject; path: string } | undefined {
    const member = this.#member();
    if (!member.sandbox.running) return undefined;
    const copies = simKinds.flatMap((kind) =>
      member.mirror
        .under(storeKey({ ...kind, name: '' }))
        .filter(([, object]) => this.#isCopy(object, member.name))
        .map(([, object]) => ({ kind, object })),
    );
    if (copies.length === 0) return undefined;
    const { kind, object } = this.world.dice.pick(copies);
    const { namespace, name } = object.metadata;
    const path = pathOf({ ...kind, version: 'v1', namespace: namespace!, name: name! });
    return { member, object, path };
  }

  #isCopy(object: KubeObject, cluster: string): boolean {
    const federation = object.metadata.labels?.['ubernetes.dev/federation'];
    return federation !== undefined && markOf(object, { federation, cluster }) !== undefined;
  }

  /** Of every template that has or had a decision. */
  #recordedUids(): string[] {
    const records = storeKey({ group: 'records.ubernetes.dev', resource: 'decisions', name: '' });
    return this.world.mirror.under(records).map(([, record]) => record.metadata.name!);
  }

  async #revive(): Promise<void> {
    while (!(await this.world.startFederation()));
  }

  #later(run: () => Promise<void>): void {
    const { least, most } = lastsMs;
    const lasts = this.world.dice.between(least, most);
    this.#ends.push({ at: this.world.clock.now() + lasts, run });
  }
}

/** What nobody but its owner may change: all but the status and what goes with its writes. */
export function unchanging(object: KubeObject | undefined): string {
  if (object === undefined) return '';
  const { status: _status, metadata, ...rest } = object;
  const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata;
  return JSON.stringify(sorted({ meta, rest }));
}

/** The order of fields is no change. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([field, inner]) => [field, sorted(inner)]));
}
