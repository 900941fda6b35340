/**
 * Whether an object may be stored: metadata, schema, the kind's own rules, then the admission
 * functions.
 */
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { invalid, type StatusCause } from '../../kube/status.ts';
import { validateMeta } from '../../kube/validate-meta.ts';
import { validateBySchema, validateStatus } from '../../kube/validate-values.ts';
import type { AdmissionRequest, Admit } from '../admission.ts';
import type { RequestContext } from '../backend.ts';
import { customCauses, finalizerWarnings } from '../custom/custom-causes.ts';
import type { TypeFacts } from './type-facts.ts';
import { rulesOf } from './type-rules.ts';

export interface AcceptParts {
  readonly facts: TypeFacts;
  /** Comes before validation. */
  readonly mutate: Admit | undefined;
  /** Makes what mutation gave an object of its kind again. */
  readonly prepare: (object: KubeObject) => KubeObject;
  readonly admit: Admit;
}

/** The object to store. @throws ApiError 422, and whatever admission refuses with */
export async function accept(
  context: RequestContext,
  request: AdmissionRequest,
  { facts, mutate, prepare, admit }: AcceptParts,
): Promise<KubeObject> {
  const mutated = mutate === undefined ? request.object : await mutate(context, request);
  const prepared = mutated === request.object ? mutated : prepare(mutated);
  validateWritten(context, { ...request, object: prepared }, facts);
  for (const text of rulesOf(request.type).warnings?.(prepared, request.old) ?? [])
    context.warn(text);
  const { subresource = '' } = request.ref;
  if (!facts.schema.native && subresource === '')
    for (const text of finalizerWarnings(prepared, request.old)) context.warn(text);
  const object = await admit(context, { ...request, object: prepared });
  if (object !== prepared) validateWritten(context, { ...request, object }, facts);
  return object;
}

/** @throws ApiError 422 */
export function validateWritten(
  context: RequestContext,
  { type, ref, object, old }: AdmissionRequest,
  facts: TypeFacts,
): void {
  const native = facts.schema.native && !laxGroups.has(type.group);
  const causes = metaCauses({ type, native, object }, old);
  const bySchema = ref.subresource === 'status' ? validateStatus : validateBySchema;
  const schemaCauses = bySchema(facts.schema, object);
  // What was wrong in the stored object already does not stop who changes something else.
  const before = schemaCauses.length > 0 && old !== undefined ? bySchema(facts.schema, old) : [];
  causes.push(...schemaCauses.filter((cause) => !before.some((other) => isSame(cause, other))));
  causes.push(...(rulesOf(type).validate?.(object, old, ref.subresource ?? '') ?? []));
  // A kind's own rules may rely on what its schema says.
  if (causes.length === 0) causes.push(...(facts.own?.validate?.(object, old) ?? []));
  if (facts.custom !== undefined)
    causes.push(...customCauses(facts.custom, { object, old, causes }, (w) => context.warn(w)));
  if (causes.length > 0)
    throw invalid(type, ref.name || (object.metadata.generateName ?? ''), causes);
}

/** Servers of their own inside kube-apiserver, which take finalizers of any name. */
const laxGroups: ReadonlySet<string> = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

function metaCauses(
  { type, native, object }: { type: ResourceType; native: boolean; object: KubeObject },
  old: KubeObject | undefined,
): StatusCause[] {
  if (old === undefined) return validateMeta({ type, native, object });
  // The version that the client named was compared long before.
  const { resourceVersion = '' } = old.metadata;
  return validateMeta({
    ...{ type, native, old },
    object: { ...object, metadata: { ...object.metadata, resourceVersion } },
  });
}

function isSame(a: StatusCause, b: StatusCause): boolean {
  return a.field === b.field && a.message === b.message;
}
