/**
 * The functions that stand before every write, in kube-apiserver's order: what may change the
 * object first, what may only refuse it after its validation.
 */
import { recordsGroup } from '../../api/records.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { Admission, AdmissionRequest } from '../admission.ts';
import type { RequestContext } from '../backend.ts';
import { type Collections, keyBelow, type Resource } from '../registry/collections.ts';
import { type AdmissionTypes, Attributes } from './attributes.ts';
import type { Conditions } from './conditions.ts';
import { Configured } from './configured.ts';
import { type Hook, hooksOf } from './hooks.ts';
import { checkLimitRanges, withLimitRanges } from './limit-ranges.ts';
import { mutateByWebhooks, type WebhookParts } from './mutating-webhooks.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { Reinvocation } from './reinvocation.ts';
import { matchRules } from './rules.ts';
import { validateByWebhooks } from './validating-webhooks.ts';
import { type OpenWebhook, WebhookCalls } from './webhook-calls.ts';

const group = 'admissionregistration.k8s.io';
const namespaces: Resource = { group: '', resource: 'namespaces' };

export interface AdmissionChainOptions {
  readonly openWebhook: OpenWebhook;
}

interface ChainParts extends AdmissionChainOptions {
  readonly collections: Collections;
  readonly types: AdmissionTypes;
  readonly clock: Clock;
  readonly random: Random;
}

export class AdmissionChain implements Admission {
  readonly #parts: ChainParts;
  readonly #calls: WebhookCalls;
  readonly #mutating: Configured<Hook>;
  readonly #validating: Configured<Hook>;
  readonly #ended: () => void;
  readonly quotas: QuotaLedger;

  constructor(parts: ChainParts) {
    this.#parts = parts;
    this.#calls = new WebhookCalls({ ...parts, open: parts.openWebhook });
    this.#mutating = this.#hooks('mutatingwebhookconfigurations');
    this.#validating = this.#hooks('validatingwebhookconfigurations');
    this.quotas = new QuotaLedger(parts.collections);
    this.#ended = parts.types.onChange(() => {
      this.#mutating.forget();
      this.#validating.forget();
    });
  }

  /** Resolves when it can answer: from then on without a look at the disk. */
  async load(): Promise<void> {
    await Promise.all([
      this.#parts.collections.load(namespaces),
      this.#mutating.load(),
      this.#validating.load(),
      this.quotas.load(),
    ]);
  }

  close(): void {
    this.#ended();
    void this.#calls.close();
  }

  async mutate(context: RequestContext, request: AdmissionRequest) {
    const { collections } = this.#parts;
    let object = withLimitRanges(request, collections);
    if (isExempt(request.type) || this.#mutating.entries.length === 0) return object;
    const reinvocation = new Reinvocation();
    do {
      const limited = withLimitRanges({ ...request, object }, collections);
      if (limited !== object) reinvocation.stale();
      object = limited;
      const mutation = { context, request: { ...request, object }, reinvocation };
      object = await mutateByWebhooks(mutation, this.#webhooks(this.#mutating));
    } while (reinvocation.again());
    return object;
  }

  async validate(context: RequestContext, request: AdmissionRequest) {
    if (request.type.group === group && request.operation !== 'DELETE')
      warnOfServices(context, request.object);
    const { types, collections } = this.#parts;
    checkLimitRanges(request, collections);
    if (!isExempt(request.type) && this.#validating.entries.length > 0) {
      const attributes = new Attributes(context, request, { types, phase: 'validating' });
      await validateByWebhooks(attributes, this.#webhooks(this.#validating));
    }
    await this.quotas.check(request);
    return request.object;
  }

  #hooks(resource: string): Configured<Hook> {
    const { collections, types } = this.#parts;
    return new Configured({
      collections,
      resource: { group, resource },
      // A webhook that is a Service is called by the clusters that the Service is in.
      read: (item) => hooksOf(item.object()).filter(({ address }) => address.url !== undefined),
      concerns: ({ rules, equivalent }, { operation, type, subresource }) => {
        const equivalents = equivalent ? types.versionsOf(type) : [];
        return (
          matchRules(rules, { operation, type, subresource, name: '' }, equivalents) !== undefined
        );
      },
    });
  }

  #webhooks(hooks: Configured<Hook>): WebhookParts {
    const { types, collections } = this.#parts;
    return {
      types,
      hooks,
      calls: this.#calls,
      conditions: noConditions,
      labelsOf: (namespace) =>
        collections.find(namespaces)?.items.get(keyBelow({ namespace: '', name: namespace }))
          ?.labels,
    };
  }
}

const noConditions: Conditions = {
  evaluate: () => ({ error: 'match conditions are not evaluated here' }),
};

/** Who calls a webhook that is a Service is not who calls one by url. */
function warnOfServices(context: RequestContext, configuration: KubeObject): void {
  const addresses = hooksOf(configuration).map(({ address }) => address);
  const follows = addresses.every(({ service }) => service !== undefined);
  for (const [i, { service }] of addresses.entries()) {
    if (service === undefined) continue;
    const what = `webhooks[${i}]: the federation itself does not call a Service`;
    context.warn(
      follows
        ? `${what}; the clusters do, for what is written in them`
        : `${what}, and no cluster gets a configuration that also has a webhook by url: give each its own`,
    );
  }
}

/**
 * The configuration of admission itself, so that a broken one can be mended; and what the
 * federation writes down for itself, so that no webhook stops it from deciding.
 */
function isExempt(type: ResourceType): boolean {
  return type.group === group || type.group === recordsGroup;
}
