/** Webhooks as they are configured: read once, when their configuration changes. */
import { isObject, type JsonObject, type KubeObject, valueAt } from '../../kube/object.ts';
import {
  type LabelSelector,
  labelSelectorFrom,
  matchLabels,
  selectsNothing,
} from '../../kube/selector.ts';
import { isApiError } from '../../kube/status.ts';
import { type CalledService, calledServiceOf } from '../called-service.ts';
import type { Attributes } from './attributes.ts';
import { compileExpression, type Expression, resultTypes } from './expression.ts';
import { type Rule, rulesFrom, texts } from './rules.ts';

const ofWebhooks = { params: false, authorizer: true };
/** Seconds that a webhook without timeoutSeconds gets. */
const defaultTimeoutSeconds = 10;

export interface HookAddress {
  readonly url: string | undefined;
  /** Instead of a server of its own; `url` is then how kube-apiserver names it. */
  readonly service: CalledService | undefined;
  /** PEM. */
  readonly authorities: string | undefined;
}

export interface Hook {
  /** Names one webhook of one configuration. */
  readonly id: string;
  readonly configuration: string;
  readonly name: string;
  readonly address: HookAddress;
  readonly rules: readonly Rule[];
  /** Whether rules also match the other versions of a resource. */
  readonly equivalent: boolean;
  readonly selectors: Selectors;
  readonly conditions: readonly Expression[];
  readonly ignoreFailures: boolean;
  readonly timeoutMs: number;
  readonly sideEffects: string | undefined;
  readonly reviewVersions: readonly string[];
  readonly reinvoked: boolean;
}

export interface Condition {
  readonly name: string;
  readonly expression: string;
}

export interface Selectors {
  /** undefined: any. */
  readonly namespaces: LabelSelector | undefined;
  readonly objects: LabelSelector | undefined;
}

/** The webhooks of one ValidatingWebhookConfiguration or MutatingWebhookConfiguration, in order. */
export function hooksOf(configuration: KubeObject): Hook[] {
  const webhooks = configuration['webhooks'];
  const name = configuration.metadata.name ?? '';
  return (Array.isArray(webhooks) ? webhooks : [])
    .filter(isObject)
    .map((webhook: JsonObject, index) => hookOf(name, webhook, index));
}

function hookOf(configuration: string, webhook: JsonObject, index: number): Hook {
  const seconds = webhook['timeoutSeconds'];
  return {
    id: `${configuration}/${index}`,
    configuration,
    name: String(webhook['name'] ?? ''),
    address: addressOf(webhook['clientConfig']),
    rules: rulesFrom(webhook['rules']),
    equivalent: webhook['matchPolicy'] !== 'Exact',
    selectors: selectorsOf(webhook),
    conditions: conditionsOf(webhook['matchConditions']).map(({ expression }) =>
      compileExpression(expression, [resultTypes.bool], { declared: ofWebhooks }),
    ),
    ignoreFailures: webhook['failurePolicy'] === 'Ignore',
    timeoutMs: 1000 * (typeof seconds === 'number' ? seconds : defaultTimeoutSeconds),
    sideEffects: typeof webhook['sideEffects'] === 'string' ? webhook['sideEffects'] : undefined,
    reviewVersions: texts(webhook['admissionReviewVersions']),
    reinvoked: webhook['reinvocationPolicy'] === 'IfNeeded',
  };
}

export function conditionsOf(value: unknown): Condition[] {
  return (Array.isArray(value) ? value : [])
    .filter(isObject)
    .map(({ name, expression }) => ({ name: String(name), expression: String(expression) }));
}

export function selectorsOf(value: unknown): Selectors {
  return {
    namespaces: selectorOf(valueAt(value, 'namespaceSelector')),
    objects: selectorOf(valueAt(value, 'objectSelector')),
  };
}

function selectorOf(value: unknown): LabelSelector | undefined {
  if (!isObject(value)) return undefined;
  try {
    const selector = labelSelectorFrom(value);
    return selector.length === 0 ? undefined : selector;
  } catch (error) {
    // Written before selectors were judged: it selects nothing, rather than to refuse everything.
    if (isApiError(error)) return selectsNothing;
    throw error;
  }
}

function addressOf(value: unknown): HookAddress {
  const { url, service, caBundle } = isObject(value) ? value : {};
  const called = calledServiceOf(service);
  return {
    url: typeof url === 'string' ? url : called?.url.href,
    service: called?.service,
    authorities:
      typeof caBundle === 'string' && caBundle !== ''
        ? Buffer.from(caBundle, 'base64').toString('utf8')
        : undefined,
  };
}

/** Labels of a namespace that is there; undefined when there is none. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** Whether both selectors select the object; 'no namespace' when its namespace is not there. */
export function selects(
  { namespaces, objects }: Selectors,
  attributes: Attributes,
  labelsOf: NamespaceLabels,
): boolean | 'no namespace' {
  if (objects !== undefined && !selectsObject(objects, attributes)) return false;
  const { namespace, type, operation } = attributes;
  if (namespaces === undefined || namespace === '') return true;
  const itself =
    type.group === '' && type.resource === 'namespaces' && attributes.subresource === '';
  const labels = itself && operation !== 'DELETE' ? attributes.labels : labelsOf(namespace);
  if (itself && operation !== 'DELETE') return matchLabels(namespaces, labels);
  return labels === undefined ? 'no namespace' : matchLabels(namespaces, labels);
}

function selectsObject(selector: LabelSelector, attributes: Attributes): boolean {
  const { operation, request } = attributes;
  if (operation !== 'DELETE' && matchLabels(selector, attributes.labels)) return true;
  return request.old !== undefined && matchLabels(selector, attributes.oldLabels);
}
