/** Asks webhooks: one TLS transport per server, bounded in number, size and time. */
import { boundedBytes } from '../../base/bounded-bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { type Random, uuid } from '../../base/random.ts';
import { type Transport, TransportError, type TransportResponse } from '../../client/transport.ts';
import { encodeJson, parseJson } from '../../kube/json.ts';
import { isObject, type JsonObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { ApiError } from '../../kube/status.ts';
import { type OpenService, shownOrigin } from '../called-service.ts';
import type { Attributes } from './attributes.ts';
import { callFailure } from './call-failure.ts';
import type { Hook, HookAddress } from './hooks.ts';
import { BadReview, reviewOf, reviewVersion, type Verdict, verdictOf } from './review.ts';

/** Longest answer, bytes: a patch of the largest object fits several times. */
const answerBytesMax = 16 * 2 ** 20;
/** Calls of all webhooks together that may wait for an answer. */
const callsMax = 512;
/** Servers whose connections are kept. */
const serversMax = 64;

/** Gives the connections to a webhook's server; `server` is `https://HOST:PORT`. */
export type OpenWebhook = (server: string, authorities: string | undefined) => Transport;

/** No usable answer: the failure policy says what that means. */
export class HookFailure extends Error {
  override readonly name = 'HookFailure';

  /** What kube-apiserver counts it as. */
  readonly code: number;

  constructor(hook: Hook, why: string, code = 503) {
    super(`failed calling webhook ${quoteGo(hook.name)}: ${why}`);
    this.code = code;
  }
}

export interface WebhookCallsOptions {
  readonly open: OpenWebhook;
  /** Absent: webhooks that name a Service cannot be called. */
  readonly openService?: OpenService | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Question {
  readonly hook: Hook;
  /** The written type in the version that the hook's rule names. */
  readonly type: ResourceType;
  readonly mutating: boolean;
}

export class WebhookCalls {
  readonly #options: WebhookCallsOptions;
  /** By server and authorities; the one used last is last. */
  readonly #transports = new Map<string, Transport>();
  #inFlight = 0;

  constructor(options: WebhookCallsOptions) {
    this.#options = options;
  }

  /**
   * @throws HookFailure without a usable answer
   * @throws ApiError 400 when a dry run must not reach the webhook
   */
  async ask(attributes: Attributes, { hook, type, mutating }: Question): Promise<Verdict> {
    checkDryRun(attributes, hook);
    const version = reviewVersion(hook.reviewVersions);
    if (version === undefined)
      throw new HookFailure(
        hook,
        'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
        400,
      );
    const uid = uuid(this.#options.random);
    const body = encodeJson(reviewOf(attributes, { type, uid, version }));
    const answer = await this.#call(hook, body, attributes.context.signal);
    try {
      return verdictOf(answer, { uid, version, mutating });
    } catch (error) {
      if (!(error instanceof BadReview)) throw error;
      throw new HookFailure(hook, `received invalid webhook response: ${error.message}`);
    }
  }

  async close(): Promise<void> {
    const open = [...this.#transports.values()];
    this.#transports.clear();
    await Promise.all(open.map((transport) => transport.close()));
  }

  async #call(hook: Hook, body: Buffer, signal: AbortSignal) {
    if (this.#inFlight >= callsMax)
      throw new HookFailure(hook, `failed to call webhook: ${callsMax} calls are waiting already`);
    const text = hook.address.url ?? '';
    if (!URL.canParse(text)) throw new HookFailure(hook, `Unparsable URL: ${text}`);
    const url = new URL(text);
    const path = `${url.pathname}?timeout=${Math.ceil(hook.timeoutMs / 1000)}s`;
    const late = new AbortController();
    const timer = this.#options.clock.after(hook.timeoutMs, () => late.abort());
    this.#inFlight++;
    try {
      const response = await this.#transport(url, hook.address).request({
        method: 'POST',
        path,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, */*',
          'user-agent': 'kube-apiserver-admission',
        },
        body,
        signal: AbortSignal.any([signal, late.signal]),
      });
      const bytes = await boundedBytes(response.body, answerBytesMax, tooLong);
      return readAnswer(hook, response, bytes);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      const why = late.signal.aborted ? 'context deadline exceeded' : callFailure(error, url);
      throw new HookFailure(
        hook,
        `failed to call webhook: Post ${quoteGo(`${shownOrigin(url, hook.address.service)}${path}`)}: ${why}`,
      );
    } finally {
      timer.cancel();
      this.#inFlight--;
    }
  }

  #transport(url: URL, { authorities, service }: HookAddress): Transport {
    if (service !== undefined) return this.#options.openService!(service);
    const port = url.port === '' ? ':443' : '';
    const server = `${url.origin}${port}`;
    const key = `${server}\n${authorities ?? ''}`;
    const transport = this.#transports.get(key) ?? this.#options.open(server, authorities);
    this.#transports.delete(key);
    this.#transports.set(key, transport);
    for (const [oldest, unused] of this.#transports) {
      if (this.#transports.size <= serversMax) break;
      this.#transports.delete(oldest);
      void unused.close();
    }
    return transport;
  }
}

function checkDryRun({ dryRun }: Attributes, hook: Hook): void {
  if (!dryRun) return;
  if (hook.sideEffects === undefined)
    throw new HookFailure(hook, 'Webhook SideEffects is nil', 400);
  if (hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
    throw new ApiError(
      'BadRequest',
      `admission webhook ${quoteGo(hook.name)} does not support dry run`,
    );
}

const tooLong = (): Error =>
  new TransportError(`the answer is longer than ${answerBytesMax} bytes`);

function readAnswer(hook: Hook, { status, headers }: TransportResponse, bytes: Buffer) {
  if (status < 200 || status > 299) {
    const isText = String(headers['content-type'] ?? 'text/').startsWith('text/');
    const text = isText ? bytes.toString('utf8', 0, shownMax).trim() : '';
    throw new HookFailure(hook, `failed to call webhook: ${refusalOf(status, text)}`, status);
  }
  try {
    const { value } = parseJson(bytes);
    if (isObject(value)) {
      const unusable = unusableReview(value, bytes);
      if (unusable === undefined) return value;
      throw new HookFailure(hook, `failed to call webhook: ${unusable}`);
    }
    throw new HookFailure(hook, 'failed to call webhook: the answer is no object');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const why = `couldn't get version/kind; json parse error: ${error.message}`;
    throw new HookFailure(hook, `failed to call webhook: ${why}`);
  }
}

/** What is wrong with an answer as a whole, as Go's decoder words it. */
function unusableReview({ apiVersion, kind }: JsonObject, bytes: Buffer): string | undefined {
  if (typeof kind !== 'string' || kind === '')
    return `Object 'Kind' is missing in '${bytes.toString('utf8', 0, shownMax).trim()}'`;
  const group = 'admission.k8s.io';
  const known = apiVersion === `${group}/v1` || apiVersion === `${group}/v1beta1`;
  if (known && kind === 'AdmissionReview') return undefined;
  const version = quoteGo(String(apiVersion ?? ''));
  return `no kind ${quoteGo(kind)} is registered for version ${version}`;
}

const refusals: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

/** Longest part of a webhook's own error page that a message repeats, characters. */
const shownMax = 2048;

/** As client-go words an answer that is no AdmissionReview. */
function refusalOf(status: number, text: string): string {
  if (status === 403) return text === '' ? 'unknown' : text;
  const known = refusals[status];
  if (known !== undefined) return known;
  if (status >= 500)
    return `an error on the server (${quoteGo(text === '' ? 'unknown' : text)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}
