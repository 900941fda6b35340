/**
 * Admission that is copied to members acts there on what members' own users and controllers write.
 * What the federation writes there was judged before, under the name of whoever wrote it.
 */
import { systemNamespace } from '../api/cluster.ts';
import { isObject, type Json, type JsonObject } from '../kube/object.ts';
import { serviceAccountName } from '../members/member-side.ts';

const user = `system:serviceaccount:${systemNamespace}:${serviceAccountName}`;

export const notByFederation = {
  name: 'ubernetes.dev/not-by-the-federation',
  expression: `request.userInfo.username != '${user}'`,
};

/** More are refused by the member. */
const conditionsMax = 64;

/** The body of a copy of a webhook configuration or policy, that passes over our own writes. */
export function actsOnce(
  { group, resource }: { readonly group: string; readonly resource: string },
  body: JsonObject,
): JsonObject {
  if (group !== 'admissionregistration.k8s.io') return body;
  const { webhooks, spec } = body;
  if (resource.endsWith('webhookconfigurations'))
    return Array.isArray(webhooks) ? { ...body, webhooks: webhooks.map(conditional) } : body;
  return resource.endsWith('policies') ? { ...body, spec: conditional(spec ?? {}) } : body;
}

function conditional(value: Json): Json {
  if (!isObject(value)) return value;
  const given = value['matchConditions'];
  const conditions = Array.isArray(given) ? given : [];
  if (conditions.length >= conditionsMax) return value;
  return { ...value, matchConditions: [notByFederation, ...conditions] };
}
