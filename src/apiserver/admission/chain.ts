/**
 * The functions that stand before every write, in kube-apiserver's order: what may change the
 * object first, what may only refuse it after its validation.
 */
import { recordsGroup } from '../../api/records.ts';
import type { Clock } from '../../base/clock.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Random } from '../../base/random.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { Admission, AdmissionRequest } from '../admission.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import type { RequestContext } from '../backend.ts';
import type { OpenService } from '../called-service.ts';
import type { Collections, Resource } from '../registry/collections.ts';
import type { StoredItem } from '../registry/item.ts';
import { AdmissionMetrics } from './admission-metrics.ts';
import { type AdmissionTypes, Attributes } from './attributes.ts';
import { Configured } from './configured.ts';
import { type Hook, hooksOf } from './hooks.ts';
import { checkLimitRanges, withLimitRanges } from './limit-ranges.ts';
import { type MutatingPolicy, mutateByPolicies, mutatingPolicyOf } from './mutating-policies.ts';
import { mutateByWebhooks } from './mutating-webhooks.ts';
import { type Binding, bindingOf, type Policy } from './policies.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { Reinvocation } from './reinvocation.ts';
import { matchRules, type Rule } from './rules.ts';
import {
  type PolicyParts,
  type ValidatingPolicy,
  validateByPolicies,
  validatingPolicyOf,
} from './validating-policies.ts';
import { validateByWebhooks } from './validating-webhooks.ts';
import { type OpenWebhook, WebhookCalls } from './webhook-calls.ts';
import { WebhookMetrics } from './webhook-metrics.ts';

const group = 'admissionregistration.k8s.io';
const namespaces: Resource = { group: '', resource: 'namespaces' };

export interface AdmissionChainOptions {
  readonly openWebhook: OpenWebhook;
  /** Absent: webhooks that name a Service are not called. */
  readonly openService?: OpenService | undefined;
  /** Absent: calls are not counted. */
  readonly metrics?: Metrics | undefined;
  /** For expressions that ask what a user may do. */
  readonly authorizer: Authorizer;
}

interface ChainParts extends AdmissionChainOptions {
  readonly collections: Collections;
  readonly types: AdmissionTypes;
  readonly clock: Clock;
  readonly random: Random;
}

export class AdmissionChain implements Admission {
  readonly quotas: QuotaLedger;
  readonly #parts: ChainParts;
  readonly #calls: WebhookCalls;
  readonly #metrics: WebhookMetrics | undefined;
  readonly #counts: AdmissionMetrics | undefined;
  readonly #mutating: { readonly hooks: Configured<Hook>; readonly policies: Policies };
  readonly #validating: { readonly hooks: Configured<Hook>; readonly policies: ValidatingPolicies };
  readonly #ended: () => void;

  constructor(parts: ChainParts) {
    this.#parts = parts;
    this.#metrics =
      parts.metrics === undefined ? undefined : new WebhookMetrics(parts.metrics, parts.clock);
    this.#counts =
      parts.metrics === undefined ? undefined : new AdmissionMetrics(parts.metrics, parts.clock);
    this.#calls = new WebhookCalls({ ...parts, open: parts.openWebhook });
    this.#mutating = {
      hooks: this.#hooks('mutatingwebhookconfigurations'),
      policies: this.#policies('mutatingadmissionpolicies', mutatingPolicyOf),
    };
    this.#validating = {
      hooks: this.#hooks('validatingwebhookconfigurations'),
      policies: this.#policies('validatingadmissionpolicies', validatingPolicyOf),
    };
    this.quotas = new QuotaLedger(parts.collections);
    this.#ended = parts.types.onChange(() => {
      for (const each of this.#configured()) each.forget();
    });
  }

  /** Resolves when it can answer: from then on without a look at the disk. */
  async load(): Promise<void> {
    await Promise.all([
      this.#parts.collections.load(namespaces),
      ...this.#configured().map((each) => each.load()),
      this.quotas.load(),
    ]);
  }

  close(): void {
    this.#ended();
    void this.#calls.close();
  }

  async mutate(context: RequestContext, request: AdmissionRequest) {
    const run = () => this.#mutate(context, request);
    return await (this.#counts?.step(request.operation, 'admit', run) ?? run());
  }

  async validate(context: RequestContext, request: AdmissionRequest) {
    const run = () => this.#validate(context, request);
    return await (this.#counts?.step(request.operation, 'validate', run) ?? run());
  }

  async #mutate(context: RequestContext, request: AdmissionRequest) {
    const { collections, types } = this.#parts;
    let object = withLimitRanges(request, collections);
    const { hooks, policies } = this.#mutating;
    const unconcerned = hooks.entries.length === 0 && policies.known.entries.length === 0;
    if (unconcerned || isExempt(request.type)) return object;
    const attributes = new Attributes(context, request, { types, phase: 'mutating' });
    const matching = policies.known.matching(attributes);
    if (matching.length === 0 && hooks.matching(attributes).length === 0) return object;
    const reinvocation = new Reinvocation();
    do {
      const limited = withLimitRanges({ ...request, object }, collections);
      if (limited !== object) reinvocation.stale();
      object = limited;
      const before = { context, request: { ...request, object }, reinvocation };
      object = await mutateByPolicies(before, matching, this.#policyParts(policies));
      const after = { context, request: { ...request, object }, reinvocation };
      object = await mutateByWebhooks(after, { ...this.#base, hooks, calls: this.#calls });
    } while (reinvocation.again());
    return object;
  }

  async #validate(context: RequestContext, request: AdmissionRequest) {
    const { types, collections } = this.#parts;
    checkLimitRanges(request, collections);
    const { hooks, policies } = this.#validating;
    const unconcerned = hooks.entries.length === 0 && policies.known.entries.length === 0;
    if (!unconcerned && !isExempt(request.type)) {
      const attributes = new Attributes(context, request, { types, phase: 'validating' });
      const matching = policies.known.matching(attributes);
      if (matching.length > 0)
        await validateByPolicies(attributes, matching, this.#policyParts(policies));
      if (hooks.matching(attributes).length > 0)
        await validateByWebhooks(attributes, { ...this.#base, hooks, calls: this.#calls });
    }
    if (this.quotas.has(request.ref.namespace)) await this.quotas.check(request);
    return request.object;
  }

  #configured(): Configured<unknown>[] {
    return [this.#mutating, this.#validating].flatMap(({ hooks, policies }) => [
      hooks,
      policies.known,
      policies.bindings,
    ]) as Configured<unknown>[];
  }

  #hooks(resource: string): Configured<Hook> {
    return new Configured({
      collections: this.#parts.collections,
      resource: { group, resource },
      read: (item) =>
        hooksOf(item.object()).filter(
          ({ address }) => address.service === undefined || this.#parts.openService !== undefined,
        ),
      concerns: (hook, attributes) => this.#concerns(hook, attributes),
    });
  }

  #policies<P extends Policy>(resource: string, read: (object: KubeObject) => P) {
    const { collections } = this.#parts;
    return {
      known: new Configured({
        collections,
        resource: { group, resource },
        read: (item) => [read(item.object())],
        concerns: ({ match }, attributes) => this.#concerns(match, attributes),
      }),
      bindings: new Configured({
        collections,
        resource: { group, resource: resource.replace(/policies$/, 'policybindings') },
        read: (item) => [bindingOf(item.object())],
        concerns: () => true,
      }),
    };
  }

  /** Whether any rule speaks of such writes, whatever the object is called. */
  #concerns({ rules, equivalent }: Matching, { operation, type, subresource }: Attributes) {
    const equivalents = equivalent ? this.#parts.types.versionsOf(type) : [];
    const unnamed = rules.map((rule) => ({ ...rule, names: [] }));
    const target = { operation, type, subresource, name: '' };
    return matchRules(unnamed, target, equivalents) !== undefined;
  }

  get #base() {
    const { types, authorizer } = this.#parts;
    const labelsOf = (name: string) => this.#namespace(name)?.labels;
    return { types, authorizer, labelsOf, metrics: this.#metrics };
  }

  #policyParts({ bindings }: { readonly bindings: Configured<Binding> }): PolicyParts {
    return {
      ...this.#base,
      counts: this.#counts,
      bindings,
      collections: this.#parts.collections,
      namespaceOf: (name) => this.#namespace(name)?.object(),
    };
  }

  #namespace(name: string): StoredItem | undefined {
    return this.#parts.collections.find(namespaces)?.items.get(name);
  }
}

interface Matching {
  readonly rules: readonly Rule[];
  readonly equivalent: boolean;
}

interface Bound<P> {
  readonly known: Configured<P>;
  readonly bindings: Configured<Binding>;
}
type Policies = Bound<MutatingPolicy>;
type ValidatingPolicies = Bound<ValidatingPolicy>;

/**
 * The configuration of admission itself, so that a broken one can be mended; and what the
 * federation writes down for itself, so that no webhook stops it from deciding.
 */
function isExempt(type: ResourceType): boolean {
  return type.group === group || type.group === recordsGroup;
}
