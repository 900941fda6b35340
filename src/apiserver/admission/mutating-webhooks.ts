/** Mutating webhooks: asked one after the other, each shown what the one before made. */

import { applyDefaults } from '../../kube/defaults.ts';
import { deepEqual, parseJson } from '../../kube/json.ts';
import { applyJsonPatch, parseJsonPatch } from '../../kube/json-patch.ts';
import { isObject, type JsonObject, type KubeObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { isApiError } from '../../kube/status.ts';
import { decodeObject } from '../../kube/validate.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { RequestContext } from '../backend.ts';
import { Attributes } from './attributes.ts';
import type { Configured } from './configured.ts';
import type { Hook } from './hooks.ts';
import { internalError, type MatchOptions, matchHook } from './matching.ts';
import type { Reinvocation } from './reinvocation.ts';
import { deniedBy, type Verdict } from './review.ts';
import { HookFailure, type WebhookCalls } from './webhook-calls.ts';
import { counted, type WebhookMetrics } from './webhook-metrics.ts';

export interface WebhookParts extends MatchOptions {
  readonly hooks: Configured<Hook>;
  readonly calls: WebhookCalls;
  readonly metrics: WebhookMetrics | undefined;
}

/** The object as the webhooks made it. @throws ApiError what one of them refuses with */
export async function mutateByWebhooks(
  { context, request, reinvocation }: Mutation,
  parts: WebhookParts,
): Promise<KubeObject> {
  let { object } = request;
  const attributesOf = (): Attributes =>
    new Attributes(context, { ...request, object }, { types: parts.types, phase: 'mutating' });
  const hooks = parts.hooks.matching(attributesOf());
  for (const [index, hook] of hooks.entries()) {
    const attributes = attributesOf();
    const type = matchHook(hook, attributes, parts);
    if (type === undefined || !reinvocation.runs(hook.id)) continue;
    const place = `round_${reinvocation.round}_index_${index}`;
    const patched = await askOne({ attributes, hook, type, place }, parts);
    context.annotate?.(`mutation.webhook.admission.k8s.io/${place}`, mutationNote(hook, patched));
    if (patched !== undefined) {
      object = patched;
      reinvocation.changed();
    }
    if (hook.reinvoked) reinvocation.ran(hook.id);
  }
  return object;
}

export interface Mutation {
  readonly context: RequestContext;
  readonly request: AdmissionRequest;
  readonly reinvocation: Reinvocation;
}

interface One {
  readonly attributes: Attributes;
  readonly hook: Hook;
  readonly type: ResourceType;
  /** In names of audit annotations. */
  readonly place: string;
}

/** The changed object; undefined: as it was. */
async function askOne(one: One, parts: WebhookParts): Promise<KubeObject | undefined> {
  const { attributes, hook, type, place } = one;
  const { context } = attributes;
  try {
    let patched: KubeObject | undefined;
    await counted(parts.metrics, { hook, attributes, step: 'admit' }, async () => {
      const verdict = await parts.calls.ask(attributes, { hook, type, mutating: true });
      noteVerdict(context, hook, verdict);
      if (!verdict.allowed) return deniedBy(hook.name, verdict.status);
      patched = patchedBy(one, verdict, parts);
      return undefined;
    });
    return patched;
  } catch (error) {
    if (!(error instanceof HookFailure)) throw error;
    if (!hook.ignoreFailures) throw internalError(error.message);
    context.annotate?.(`failed-open.mutation.webhook.admission.k8s.io/${place}`, hook.name);
    return undefined;
  }
}

export function noteVerdict(context: RequestContext, hook: Hook, verdict: Verdict): void {
  for (const [key, value] of Object.entries(verdict.auditAnnotations))
    context.annotate?.(`${hook.name}/${key}`, value);
  for (const text of verdict.warnings) context.warn(text);
}

function mutationNote({ configuration, name }: Hook, patched: KubeObject | undefined): string {
  return JSON.stringify({ configuration, webhook: name, mutated: patched !== undefined });
}

function patchedBy(
  { attributes, hook, type }: One,
  { patch, patchType }: Verdict,
  { types }: WebhookParts,
): KubeObject | undefined {
  if (patch === undefined) return undefined;
  const operations = operationsOf(hook, patch);
  if (operations.length === 0) return undefined;
  const shown = attributes.object(type);
  if (shown === undefined)
    throw internalError(
      `admission webhook ${quoteGo(hook.name)} attempted to modify the object, which is not supported for this operation`,
    );
  if (patchType !== 'JSONPatch')
    throw new HookFailure(hook, `unsupported patch type ${quoteGo(patchType)}`, 400);
  let patched: KubeObject;
  try {
    const value = applyJsonPatch(shown as unknown as JsonObject, operations);
    if (!isObject(value)) throw internalError('the patched object is none');
    patched = value as unknown as KubeObject;
  } catch (error) {
    if (!isApiError(error, 'Invalid')) throw error;
    throw internalError(error.cause instanceof Error ? error.cause.message : error.message);
  }
  if (deepEqual(patched, shown)) return undefined;
  return settled(attributes, attributes.restored(patched), types);
}

function operationsOf(hook: Hook, patch: string) {
  try {
    parseJson(patch);
    return parseJsonPatch(patch).operations;
  } catch (error) {
    if (!isApiError(error)) throw error;
    const why = error.message.replace(/^error decoding patch: /, '');
    throw new HookFailure(hook, `received undecodable patch in webhook response: ${why}`);
  }
}

/**
 * Decoded and with defaults, as if it had been sent so.
 * @throws ApiError 500 when it is no such object
 */
export function settled(
  { type }: Attributes,
  object: KubeObject,
  types: WebhookParts['types'],
): KubeObject {
  // A Scale has been put back into its object; a TokenRequest is judged where it is answered.
  if (object.kind !== type.kind) return object;
  const { schema } = types.factsOf(type);
  const decoded = decodeObject({
    schema,
    object,
    fieldValidation: 'Ignore',
    warn: () => {},
    refuse: internalError,
  });
  return applyDefaults(schema, decoded);
}
