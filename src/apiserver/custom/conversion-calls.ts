/** Asks conversion webhooks to bring custom objects from one version into another. */
import { boundedBytes } from '../../base/bounded-bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { type Random, uuid } from '../../base/random.ts';
import { type Transport, TransportError } from '../../client/transport.ts';
import { encodeJson, parseJson } from '../../kube/json.ts';
import { isObject, type JsonObject, type KubeObject, objectAt } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { parseApiVersion } from '../../kube/resource.ts';
import { ApiError } from '../../kube/status.ts';
import { callFailure } from '../admission/call-failure.ts';
import type { OpenWebhook } from '../admission/webhook-calls.ts';
import {
  type CalledService,
  calledServiceOf,
  type OpenService,
  shownOrigin,
} from '../called-service.ts';
import { listAt } from './custom-kind.ts';

/** As kube-apiserver. */
const timeoutMs = 30_000;
const answerBytesMax = 64 * 2 ** 20;
/** Objects in one question. */
const batchMax = 500;
const reviewVersions = ['v1', 'v1beta1'] as const;

export interface ConversionCallsOptions {
  readonly open: OpenWebhook;
  /** Absent: webhooks that name a Service are not called. */
  readonly openService?: OpenService | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export class ConversionCalls {
  readonly #options: ConversionCallsOptions;
  readonly #transports = new Map<string, Transport>();

  constructor(options: ConversionCallsOptions) {
    this.#options = options;
  }

  /**
   * The objects in another version, in their order; `conversion` is spec.conversion.
   * @throws ApiError 500 that says what went wrong
   */
  async convert(
    conversion: JsonObject,
    objects: readonly KubeObject[],
    apiVersion: string,
  ): Promise<KubeObject[]> {
    const converted: KubeObject[] = [];
    for (let at = 0; at < objects.length; at += batchMax)
      converted.push(
        ...(await this.#batch(conversion, objects.slice(at, at + batchMax), apiVersion)),
      );
    return converted;
  }

  async close(): Promise<void> {
    const open = [...this.#transports.values()];
    this.#transports.clear();
    await Promise.all(open.map((transport) => transport.close()));
  }

  async #batch(
    conversion: JsonObject,
    objects: readonly KubeObject[],
    apiVersion: string,
  ): Promise<KubeObject[]> {
    const first = objects[0]!;
    const gvk = `${first.apiVersion}, Kind=${first.kind}`;
    const uid = uuid(this.#options.random);
    try {
      const version = versionOf(conversion);
      const answer = await this.#post(conversion, {
        kind: 'ConversionReview',
        apiVersion: `apiextensions.k8s.io/${version}`,
        request: {
          uid,
          desiredAPIVersion: apiVersion,
          objects: objects as unknown as JsonObject[],
        },
      });
      return check(answer, { uid, version, objects, apiVersion });
    } catch (error) {
      if (!(error instanceof ConversionError) && !(error instanceof TransportError)) throw error;
      const why = `conversion webhook for ${gvk} failed: ${messageOf(error)}`;
      throw new ApiError('InternalError', why);
    }
  }

  async #post(conversion: JsonObject, review: JsonObject): Promise<JsonObject> {
    const config = objectAt(conversion, 'webhook', 'clientConfig');
    const called = calledServiceOf(config?.service);
    const text = typeof config?.url === 'string' ? config.url : called?.url.href;
    if (config === undefined || text === undefined || !URL.canParse(text))
      throw new ConversionError('the webhook has no address');
    const url = new URL(text);
    const path = `${url.pathname}?timeout=${timeoutMs / 1000}s`;
    const posting = `Post ${quoteGo(`${shownOrigin(url, called?.service)}${path}`)}`;
    const transport =
      called === undefined ? this.#transport(url, config.caBundle) : this.#service(called.service);
    const late = new AbortController();
    const timer = this.#options.clock.after(timeoutMs, () => late.abort());
    try {
      const response = await transport.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', accept: 'application/json, */*' },
        body: encodeJson(review),
        signal: late.signal,
      });
      const bytes = await boundedBytes(response.body, answerBytesMax, tooLong);
      if (response.status < 200 || response.status > 299)
        throw new ConversionError(`the webhook answered with status ${response.status}`);
      const { value } = parseJson(bytes);
      if (!isObject(value)) throw new ConversionError('the answer is no object');
      return value;
    } catch (error) {
      if (late.signal.aborted) throw new ConversionError(`${posting}: context deadline exceeded`);
      if (error instanceof ApiError) throw new ConversionError(error.message);
      if (error instanceof TransportError)
        throw new ConversionError(`${posting}: ${callFailure(error, url)}`);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  #service(service: CalledService): Transport {
    const { openService } = this.#options;
    if (openService !== undefined) return openService(service);
    throw new ConversionError('webhooks that name a Service are not called here');
  }

  #transport(url: URL, bundle: unknown): Transport {
    const authorities =
      typeof bundle === 'string' ? Buffer.from(bundle, 'base64').toString('utf8') : undefined;
    const server = `${url.origin}${url.port === '' ? ':443' : ''}`;
    const key = `${server}\n${authorities ?? ''}`;
    let transport = this.#transports.get(key);
    if (transport === undefined) {
      transport = this.#options.open(server, authorities);
      this.#transports.set(key, transport);
    }
    return transport;
  }
}

class ConversionError extends Error {
  override readonly name = 'ConversionError';
}

function versionOf(conversion: JsonObject): string {
  const known = listAt(conversion, 'webhook', 'conversionReviewVersions');
  const version = reviewVersions.find((each) => known.includes(each));
  if (version === undefined) throw new ConversionError('no supported conversion review versions');
  return version;
}

const tooLong = (): Error => new ConversionError('the answer is too long');

/** What a webhook may change is the object; who it is stays. */
function check(
  answer: JsonObject,
  asked: {
    readonly uid: string;
    readonly version: string;
    readonly objects: readonly KubeObject[];
    readonly apiVersion: string;
  },
): KubeObject[] {
  const response = objectAt(answer, 'response');
  if (response === undefined) throw new ConversionError('no response provided');
  const { uid, result, convertedObjects } = response;
  if (asked.version === 'v1' && uid !== asked.uid)
    throw new ConversionError(
      `expected response.uid=${quoteGo(asked.uid)}, got ${quoteGo(String(uid ?? ''))}`,
    );
  const status = objectAt(result)?.status;
  const message = objectAt(result)?.message;
  if (status !== 'Success')
    throw new ConversionError(
      typeof message === 'string' && message !== ''
        ? message
        : `response.result.status was '${String(status ?? '')}', not 'Success'`,
    );
  const converted = Array.isArray(convertedObjects) ? convertedObjects.filter(isObject) : [];
  if (converted.length !== asked.objects.length)
    throw new ConversionError(
      `returned ${converted.length} objects, expected ${asked.objects.length}`,
    );
  return converted.map((object, i) => identical(object, asked.objects[i]!, { ...asked, index: i }));
}

function identical(
  converted: JsonObject,
  original: KubeObject,
  { apiVersion, index }: { apiVersion: string; index: number },
): KubeObject {
  const refuse = (why: string): never => {
    throw new ConversionError(`returned invalid converted object at index ${index}: ${why}`);
  };
  const [wanted, got] = [apiVersion, String(converted.apiVersion ?? '')].map((text) => {
    const { group, version } = parseApiVersion(text);
    return `${group}/${version}`;
  });
  if (wanted !== got) refuse(`invalid groupVersion (expected ${wanted}, received ${got})`);
  if (converted.kind !== original.kind)
    refuse(`invalid kind (expected ${original.kind}, received ${String(converted.kind ?? '')})`);
  const { labels, annotations } = objectAt(converted, 'metadata') ?? {};
  const { labels: _labels, annotations: _annotations, ...metadata } = original.metadata;
  return {
    ...(converted as unknown as KubeObject),
    metadata: {
      ...metadata,
      ...(isObject(labels) ? { labels: labels as Record<string, string> } : {}),
      ...(isObject(annotations) ? { annotations: annotations as Record<string, string> } : {}),
    },
  };
}
