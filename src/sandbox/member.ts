/**
 * A member inside the process: our own API server over a store in memory, and a simulator of what
 * runs in a cluster.
 */
import { createApi } from '../apiserver/api.ts';
import { authenticator } from '../apiserver/auth/authenticate.ts';
import type { Catalog, MemberTypes } from '../apiserver/catalog.ts';
import { createHandler } from '../apiserver/handler.ts';
import { HealthChecks } from '../apiserver/health.ts';
import { inProcessTransport } from '../apiserver/in-process.ts';
import { respondError } from '../apiserver/respond.ts';
import type { ApiHandler } from '../apiserver/types.ts';
import type { Clock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { RestClient } from '../client/rest.ts';
import type { Transport } from '../client/transport.ts';
import { ApiError } from '../kube/status.ts';
import { MemoryStore } from '../store/memory.ts';
import { administrator, everyRight, SandboxTokens } from './accounts.ts';
import { allocating } from './allocate.ts';
import { Line } from './line.ts';
import { collects, Simulator } from './simulator/simulator.ts';
import type { Workloads } from './simulator/workloads.ts';
import { loadSnapshot } from './snapshot.ts';

export interface SandboxMemberOptions {
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What it serves; a recorded kube-apiserver's types unless given. */
  readonly types?: MemberTypes;
  /** Pods on nodes unless given. */
  readonly workloads?: Workloads;
}

/** What runs between a start and a stop. */
interface Life {
  readonly handler: ApiHandler;
  readonly simulator: Simulator;
  stop(): Promise<void>;
}

export class SandboxMember {
  readonly name: string;
  /** The address in its Cluster object, which only this process can reach: see open.ts. */
  readonly server: string;
  /** Every address that leads to it. */
  readonly servers: string[];
  /** As its administrator. */
  readonly client: RestClient;
  readonly #options: SandboxMemberOptions;
  readonly #line: Line;
  readonly #tokens: SandboxTokens;
  #store: MemoryStore;
  #life: Life | undefined;

  constructor(options: SandboxMemberOptions) {
    const { name, clock, random } = options;
    this.name = name;
    this.server = `https://${name}.sandbox`;
    this.servers = [this.server];
    this.#options = options;
    this.#line = new Line(name);
    this.#tokens = new SandboxTokens(random.bytes(32), clock);
    this.#store = new MemoryStore({ clock, random });
    this.client = new RestClient(this.transport(), { userAgent: 'admin/sandbox' });
  }

  get running(): boolean {
    return this.#life !== undefined;
  }

  /** What stands in it, for whoever wants to look without asking. */
  get store(): MemoryStore {
    return this.#store;
  }

  /** The handler for a listener of its own, and for credentials that this process does not know. */
  get handler(): ApiHandler {
    return async (request) => {
      if (this.#life !== undefined) return this.#life.handler(request);
      const down = new ApiError('ServiceUnavailable', `${this.name} does not run`);
      return respondError(down.status, request.headers);
    };
  }

  /** As the administrator; with a `token`, as whoever that says, and nobody without one. */
  transport(token?: () => string | undefined): Transport {
    return this.#line.transport(({ headers = {}, ...request }) => {
      const { [asAdministrator]: _, ...rest } = headers;
      if (token === undefined) return { ...request, headers: { ...rest, [asAdministrator]: '' } };
      const bearer = token();
      const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      return { ...request, headers: { ...rest, ...authorization } };
    });
  }

  /** Resolves when its API answers and its simulator works. */
  async start(): Promise<void> {
    assert(this.#life === undefined, `${this.name} runs already`);
    const { clock, random, log } = this.#options;
    const types = this.#options.types ?? loadSnapshot();
    const store = this.#store;
    const api = await createApi({
      store,
      clock,
      random,
      logger: log,
      kinds: [],
      admit: [allocating(random)],
      tokenSigner: this.#tokens,
      processes: collects,
      gitVersion: `${types.version}+sandbox`,
    });
    await api.catalog.setMember('kubernetes', types);
    const accountUid = async (namespace: string, name: string): Promise<string | undefined> => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
      return (await inside.find(path))?.object().metadata.uid;
    };
    const handler = createHandler({
      types: api.typeSource,
      nonResources: [new HealthChecks(), ...api.nonResources],
      authenticate: authenticator({ tokens: [this.#tokens.verifier(accountUid)] }),
      authorizer: everyRight,
      clock,
      random,
      log,
    });
    const transport = inProcessTransport(handler, administrator);
    const inside = new RestClient(transport, { userAgent: 'kube-apiserver/sandbox' });
    const simulator = this.#simulator(transport, api.catalog);
    await simulator.start();
    this.#life = {
      handler,
      simulator,
      async stop() {
        await simulator.stop();
        await transport.close();
        api.close();
      },
    };
    this.#line.connect(byHeader(handler, transport));
  }

  /** A crash: nobody is told, the store keeps what was committed. `start` brings it back. */
  async stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.#line.cut('connection reset');
    await life?.stop();
    const snapshot = this.#store.snapshot();
    await this.#store.close();
    this.#store = new MemoryStore({ clock: this.#options.clock, snapshot });
  }

  #simulator(transport: Transport, catalog: Catalog): Simulator {
    const { name, region, zone, nodes, podsPerNode, clock, random, log, workloads } = this.#options;
    const { version } = this.#options.types ?? loadSnapshot();
    return new Simulator({
      transport,
      nodes: { cluster: name, region, zone, count: nodes, pods: podsPerNode, version },
      types: () => catalog.list(),
      clock,
      random,
      log,
      ...(workloads === undefined ? {} : { workloads }),
    });
  }
}

/** Set on the way in only; a client cannot send it, since requests over TLS never come this way. */
const asAdministrator = 'x-sandbox-administrator';

/** Requests of the administrator are known, all others are authenticated by their token. */
function byHeader(handler: ApiHandler, administrators: Transport): Transport {
  const others = inProcessTransport(({ user: _user, ...request }) => handler(request), nobody);
  return {
    request: (request) => {
      const { [asAdministrator]: admin, ...headers } = request.headers ?? {};
      const transport = admin === undefined ? others : administrators;
      return transport.request({ ...request, headers });
    },
    close: async () => {},
  };
}

const nobody = { name: '', groups: [], extra: {} };

/** A member that runs. */
export async function createSandboxMember(options: SandboxMemberOptions): Promise<SandboxMember> {
  const member = new SandboxMember(options);
  await member.start();
  return member;
}
