/**
 * Calls a Service of the federation where its pods are: through the service proxy of one member
 * that has its copy, the next one when that does not get through.
 */
import type { CalledService } from '../apiserver/called-service.ts';
import { boundedBytes } from '../base/bounded-bytes.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '../client/transport.ts';
import { parseJson } from '../kube/json.ts';
import { isObject, type KubeObject, valueAt } from '../kube/object.ts';
import { quoteGo } from '../kube/quote.ts';
import { isApiError } from '../kube/status.ts';
import type { Member, MemberSet } from '../members/member-set.ts';
import { type Unit, type Units, unitKey } from './unit.ts';

/** Longest refusal that is read, bytes. */
const refusalBytesMax = 2 ** 20;
/** Services whose last way is remembered. */
const waysMax = 256;
const services = { group: '', resource: 'services' };

export interface ServicesOptions {
  readonly units: Units;
  readonly members: MemberSet;
}

export class MemberServices {
  readonly #options: ServicesOptions;
  /** By Service: the member to ask first, which answered last or whose predecessor did not. */
  readonly #ways = new BoundedMap<string, string>(waysMax);

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  open(service: CalledService): Transport {
    return { request: (request) => this.#request(service, request), close: async () => {} };
  }

  async #request(service: CalledService, request: TransportRequest): Promise<TransportResponse> {
    const key = `${service.namespace}/${service.name}`;
    let refused = `no endpoints available for service ${quoteGo(service.name)}`;
    const candidates = this.#candidates(key, service);
    for (const [i, member] of candidates.entries()) {
      const answer = await through(member, service, request);
      const isRefusal = typeof answer === 'string';
      const next = isRefusal ? candidates[(i + 1) % candidates.length]! : member;
      this.#ways.set(key, next.name);
      if (!isRefusal) return answer;
      refused = answer;
      if (request.signal?.aborted) break;
    }
    throw new TransportError(refused);
  }

  /** Members in which its copy stands, in the order to ask them. @throws TransportError */
  #candidates(key: string, { name, port }: CalledService): Member[] {
    const unit = this.#options.units.get(unitKey(services, key));
    const template = unit?.standing;
    if (unit === undefined || template === undefined)
      throw new TransportError(`service ${quoteGo(name)} not found`);
    if (!hasPort(template, port))
      throw new TransportError(`no service port ${port} found for service ${quoteGo(name)}`);
    const there = this.#options.members
      .list()
      .filter((member) => member.health.ready && standsIn(unit, member.name));
    const first = there.findIndex((member) => member.name === this.#ways.get(key));
    return first <= 0 ? there : [...there.slice(first), ...there.slice(0, first)];
  }
}

/** A Service of somebody else under that name is never called. */
function standsIn(unit: Unit, cluster: string): boolean {
  const copy = unit.copies.get(cluster);
  return copy?.live !== undefined && copy.mark?.uid === unit.template?.metadata.uid;
}

function hasPort(service: KubeObject, port: number): boolean {
  const ports = valueAt(service, 'spec', 'ports');
  return Array.isArray(ports) && ports.some((each) => valueAt(each, 'port') === port);
}

/** The Service's answer, or why this member does not bring us to it. */
async function through(
  { port }: Member,
  { namespace, name, port: servicePort }: CalledService,
  request: TransportRequest,
): Promise<TransportResponse | string> {
  const proxy = `/api/v1/namespaces/${namespace}/services/https:${name}:${servicePort}/proxy`;
  try {
    const path = `${proxy}${request.path}`;
    const response = await port.transport.request({ ...request, path, proxied: true });
    if (response.status !== 404 && response.status !== 503) return response;
    const bytes = await boundedBytes(response.body, refusalBytesMax, tooLong);
    const why = refusalOf(bytes, name);
    if (why !== undefined) return why;
    return { ...response, body: once(bytes), bytes: async () => bytes };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return `${port.name}: ${error.message}`;
  }
}

const tooLong = (): Error => new TransportError('the refusal is too long');

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** What the member's API server says itself, in the words for who calls a Service by name. */
function refusalOf(bytes: Buffer, name: string): string | undefined {
  const message = statusMessage(bytes);
  if (message === undefined) return undefined;
  if (message === `services ${quoteGo(name)} not found`)
    return `service ${quoteGo(name)} not found`;
  if (message.startsWith('no endpoints available for service'))
    return `no endpoints available for service ${quoteGo(name)}`;
  const unreached = 'error trying to reach service: ';
  return message.startsWith(unreached) ? message.slice(unreached.length) : undefined;
}

function statusMessage(bytes: Buffer): string | undefined {
  try {
    const { value } = parseJson(bytes);
    if (!isObject(value) || value['kind'] !== 'Status') return undefined;
    return typeof value['message'] === 'string' ? value['message'] : undefined;
  } catch (error) {
    if (isApiError(error)) return undefined;
    throw error;
  }
}
