/** One real cluster: an API server, if it is full also controllers, a scheduler and fake nodes. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificates } from './certificates.ts';
import {
  apiserverCommand,
  type ComponentUser,
  componentCommands,
  componentUsers,
  type Place,
  schedulerConfigText,
} from './commands.ts';
import { type Access, kubeconfigText } from './kubeconfig.ts';
import { type KubectlResult, runKubectl } from './kubectl.ts';
import { kwokConfigText } from './kwok-stages.ts';
import { MemberClient } from './member-client.ts';
import { ensureNodes, type NodesSpec } from './nodes.ts';
import { freePort, releasePort } from './ports.ts';
import { type RunningProcess, startProcess } from './processes.ts';
import { versions } from './versions.ts';
import { waitUntil } from './waiting.ts';
import { startWire, type Wire } from './wire.ts';

/** What a member is to be. */
export interface MemberSpec {
  /** A DNS label; also the context's name in its kubeconfig. */
  readonly name: string;
  /** Zone label of its nodes; default `ZONE-a` of its region. */
  readonly zone?: string;
  /** Region label of its nodes; default its name. */
  readonly region?: string;
  /** With controllers, scheduler and fake nodes (default true); false: an API server only. */
  readonly full?: boolean;
  /** Runs the older Kubernetes. */
  readonly older?: boolean;
  /** Fake nodes of a full member; default 3. */
  readonly nodes?: number;
  /** Room on each node; default 20. */
  readonly podsPerNode?: number;
  /** Further flags of its API server. */
  readonly apiserverFlags?: readonly string[];
}

/** A member that was started at least once. */
export interface Member {
  readonly name: string;
  readonly zone: string;
  readonly region: string;
  readonly full: boolean;
  readonly older: boolean;
  readonly nodes: number;
  readonly podsPerNode: number;
  /** Kubernetes version of its API server, such as `v1.37.2`. */
  readonly version: string;
  /** File with the administrator's kubeconfig; it leads through the wire. */
  readonly kubeconfig: string;
  readonly kubeconfigText: string;
  /** Address through the wire, which faults act on. */
  readonly server: string;
  /** Address past the wire: works while the member is cut off. */
  readonly directServer: string;
  /** PEM of its own authority. */
  readonly ca: string;
  /** Token of its administrator, in group system:masters. */
  readonly adminToken: string;
  readonly wire: Wire;
  /** Its administrator, past the wire. */
  readonly client: MemberClient;
  isRunning(): boolean;
  /** Process ids by program, while it runs. */
  processes(): readonly RunningProcess[];
  /** Real kubectl of the member's version, through the wire. */
  kubectl(...args: string[]): Promise<KubectlResult>;
  /** As kubectl, with text for `-f -`. */
  kubectlWith(input: string, ...args: string[]): Promise<KubectlResult>;
  /** All its processes die and nobody listens any more; its data stays. */
  stop(): Promise<void>;
  /** Starts it again: same port, same data. Does nothing if it runs. */
  start(): Promise<void>;
}

/** Everything about a member that does not change while it lives. */
interface Setup {
  readonly spec: Required<MemberSpec>;
  readonly place: Place;
  readonly kubeconfig: string;
  readonly access: Access;
  readonly direct: Access;
  readonly wire: Wire;
}

/** A member made of processes. */
export class RealMember implements Member {
  readonly kubeconfig: string;
  readonly kubeconfigText: string;
  readonly server: string;
  readonly directServer: string;
  readonly ca: string;
  readonly adminToken: string;
  readonly wire: Wire;
  readonly client: MemberClient;
  readonly #spec: Required<MemberSpec>;
  readonly #place: Place;
  #processes: RunningProcess[] = [];

  /** Writes its files; nothing runs yet but the wire. */
  static async prepare(
    spec: MemberSpec,
    { folder, etcdUrl }: { folder: string; etcdUrl: string },
  ): Promise<RealMember> {
    return new RealMember(await setUp(complete(spec), join(folder, spec.name), etcdUrl));
  }

  private constructor({ spec, place, kubeconfig, access, direct, wire }: Setup) {
    this.#spec = spec;
    this.#place = place;
    this.kubeconfig = kubeconfig;
    this.kubeconfigText = kubeconfigText(access);
    this.server = access.server;
    this.directServer = direct.server;
    this.ca = access.caPem;
    this.adminToken = access.token;
    this.wire = wire;
    this.client = new MemberClient(direct);
  }

  get name(): string {
    return this.#spec.name;
  }
  get zone(): string {
    return this.#spec.zone;
  }
  get region(): string {
    return this.#spec.region;
  }
  get full(): boolean {
    return this.#spec.full;
  }
  get older(): boolean {
    return this.#spec.older;
  }
  get nodes(): number {
    return this.#spec.full ? this.#spec.nodes : 0;
  }
  get podsPerNode(): number {
    return this.#spec.podsPerNode;
  }
  get version(): string {
    return this.older ? versions.older : versions.kubernetes;
  }

  isRunning(): boolean {
    return this.#processes.length > 0 && this.#processes.every((p) => !p.hasEnded());
  }

  processes(): readonly RunningProcess[] {
    return this.#processes;
  }

  async kubectl(...args: string[]): Promise<KubectlResult> {
    return this.kubectlWith('', ...args);
  }

  async kubectlWith(input: string, ...args: string[]): Promise<KubectlResult> {
    const { kubeconfig, older } = this;
    const cacheFolder = join(this.#place.folder, 'kubectl-cache');
    return runKubectl({ kubeconfig, args, input, older, cacheFolder });
  }

  async start(): Promise<void> {
    if (this.isRunning()) return;
    await this.#killAll();
    const apiserver = startProcess(apiserverCommand(this.#place));
    this.#processes = [apiserver];
    await this.#waitForAll('its API server', ['/readyz']);
    await this.#waitForAll('its namespaces', [
      '/api/v1/namespaces/kube-system',
      '/api/v1/namespaces/default',
    ]);
    if (this.full) await this.#startComponents();
    if (this.wire.state === 'refuse') await this.wire.set('pass');
  }

  async stop(): Promise<void> {
    await this.wire.set('refuse');
    await this.#killAll();
  }

  /** As stop, and gives its ports back: it cannot be started again. */
  async close(): Promise<void> {
    await this.stop();
    await this.wire.close();
    await this.client.close();
    releasePort(this.wire.port);
    releasePort(this.#place.port);
  }

  async #startComponents(): Promise<void> {
    this.#processes.push(...componentCommands(this.#place).map(startProcess));
    const { nodes: count, podsPerNode, zone, region, version } = this;
    const spec: NodesSpec = { count, podsPerNode, zone, region, version };
    await ensureNodes(this.client, spec, this.#processes);
    await this.#waitForAll(
      'service accounts',
      ['kube-system', 'default'].map((n) => `/api/v1/namespaces/${n}/serviceaccounts/default`),
    );
  }

  async #waitForAll(what: string, paths: readonly string[]): Promise<void> {
    await waitUntil({
      what: `${this.name}: ${what}`,
      processes: this.#processes,
      check: async () => {
        const answers = await Promise.all(paths.map((path) => this.client.send({ path })));
        return answers.every(({ status }) => status === 200);
      },
    });
  }

  async #killAll(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    await Promise.all(processes.map((process) => process.stop()));
  }
}

function complete(spec: MemberSpec): Required<MemberSpec> {
  const region = spec.region ?? spec.name;
  return {
    name: spec.name,
    region,
    zone: spec.zone ?? `${region}-a`,
    full: spec.full ?? true,
    older: spec.older ?? false,
    nodes: spec.nodes ?? 3,
    podsPerNode: spec.podsPerNode ?? 20,
    apiserverFlags: spec.apiserverFlags ?? [],
  };
}

async function setUp(spec: Required<MemberSpec>, folder: string, etcdUrl: string): Promise<Setup> {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(spec.name)) {
    throw new Error(`member name ${JSON.stringify(spec.name)} is not a DNS label`);
  }
  const port = await freePort();
  const wirePort = await freePort();
  // First, while nothing is written yet that would be in the way of a second attempt.
  const wire = await startWire({ port: wirePort, target: port });
  await mkdir(folder);
  const certificates = await makeCertificates(folder);
  const { name } = spec;
  const token = newToken();
  const base = { name, caPem: certificates.caPem, token };
  const direct: Access = { ...base, server: `https://127.0.0.1:${port}` };
  const access: Access = { ...base, server: `https://127.0.0.1:${wirePort}` };
  const componentFile = (user: ComponentUser): string =>
    join(folder, `${user.replace('system:', '')}.kubeconfig`);
  const place: Place = {
    name,
    folder,
    etcdUrl,
    port,
    older: spec.older,
    full: spec.full,
    apiserverFlags: spec.apiserverFlags,
    certificates,
    tokenFile: join(folder, 'tokens.csv'),
    componentKubeconfig: componentFile,
    kwokConfig: join(folder, 'kwok.yaml'),
    schedulerConfig: join(folder, 'scheduler.yaml'),
  };
  const rows = [`${token},admin,admin,"system:masters"`];
  for (const user of componentUsers) {
    const own = newToken();
    rows.push(`${own},${user},${user},"system:masters"`);
    await writeFile(componentFile(user), kubeconfigText({ ...direct, token: own }));
  }
  await writeFile(place.tokenFile, `${rows.join('\n')}\n`, { mode: 0o600 });
  await writeFile(place.kwokConfig, kwokConfigText());
  await writeFile(
    place.schedulerConfig,
    schedulerConfigText(componentFile('system:kube-scheduler')),
  );
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigText(access), { mode: 0o600 });
  return { spec, place, kubeconfig, access, direct, wire };
}

function newToken(): string {
  return randomBytes(24).toString('hex');
}
