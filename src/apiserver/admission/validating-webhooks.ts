/** Validating webhooks: all that match are asked at the same time; one refusal is enough. */
import type { ResourceType } from '../../kube/resource.ts';
import type { Attributes } from './attributes.ts';
import type { Hook } from './hooks.ts';
import { internalError, matchHook } from './matching.ts';
import { noteVerdict, type WebhookParts } from './mutating-webhooks.ts';
import { deniedBy } from './review.ts';
import { HookFailure } from './webhook-calls.ts';
import { counted } from './webhook-metrics.ts';

/** @throws ApiError the refusal that came first */
export async function validateByWebhooks(
  attributes: Attributes,
  parts: WebhookParts,
): Promise<void> {
  const asked: { hook: Hook; type: ResourceType }[] = [];
  for (const hook of parts.hooks.matching(attributes)) {
    const type = matchHook(hook, attributes, parts);
    if (type !== undefined) asked.push({ hook, type });
  }
  if (asked.length === 0) return;
  const refusals: unknown[] = [];
  await Promise.all(
    asked.map(async ({ hook, type }, index) => {
      try {
        await askOne(attributes, { hook, type, index }, parts);
      } catch (error) {
        refusals.push(error);
      }
    }),
  );
  if (refusals.length > 0) throw refusals[0];
}

async function askOne(
  attributes: Attributes,
  { hook, type, index }: { hook: Hook; type: ResourceType; index: number },
  { calls, metrics }: WebhookParts,
): Promise<void> {
  const { context } = attributes;
  try {
    await counted(metrics, { hook, attributes, step: 'validating' }, async () => {
      const verdict = await calls.ask(attributes, { hook, type, mutating: false });
      noteVerdict(context, hook, verdict);
      return verdict.allowed ? undefined : deniedBy(hook.name, verdict.status);
    });
  } catch (error) {
    if (!(error instanceof HookFailure)) throw error;
    if (!hook.ignoreFailures) throw internalError(error.message);
    const key = `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`;
    context.annotate?.(key, hook.name);
  }
}
