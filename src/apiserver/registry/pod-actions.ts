/** What is done to a pod by a POST: bound to a node, or evicted as its disruption budget allows. */
import type { Clock } from '../../base/clock.ts';
import { isObject, type JsonObject, type KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { badRequest, conflict, isApiError, notFound } from '../../kube/status.ts';
import { PreconditionError } from '../../store/store.ts';
import type { Admit } from '../admission.ts';
import type {
  DeleteOptions,
  ObjectRef,
  RequestContext,
  User,
  WriteBody,
  WriteOptions,
  WriteResult,
} from '../backend.ts';
import { deleteOptionsOf } from '../handlers/delete-options.ts';
import { bound, podOfBinding } from './binding.ts';
import { type Collections, keyBelow } from './collections.ts';
import { budgetToAsk, spent } from './eviction.ts';
import { itemOfObject, type StoredItem } from './item.ts';
import type { Removals } from './removals.ts';
import type { TypeBook } from './type-facts.ts';
import type { Writes } from './writes.ts';

export interface PodActionsOptions {
  readonly clock: Clock;
  readonly types: TypeBook;
  readonly collections: Collections;
  readonly writes: Writes;
  readonly removals: Removals;
  /** Of the Binding or Eviction itself. */
  readonly admit: Admit;
}

interface Posted {
  readonly body: WriteBody;
  readonly options: WriteOptions;
}

const podsResource = { group: '', resource: 'pods' };
const budgetsResource = { group: 'policy', resource: 'poddisruptionbudgets' };

/** Whose name budgets are written under. */
const itself: User = { name: 'system:apiserver', groups: ['system:masters'], extra: {} };
const manager = 'kube-apiserver';

export function isPodAction({ type, subresource = '' }: ObjectRef): boolean {
  if (type.group !== '') return false;
  if (type.resource === 'bindings') return subresource === '';
  return type.resource === 'pods' && (subresource === 'binding' || subresource === 'eviction');
}

export class PodActions {
  readonly #options: PodActionsOptions;

  constructor(options: PodActionsOptions) {
    this.#options = options;
  }

  /** Answers a Status, as kube-apiserver does. */
  async run(context: RequestContext, ref: ObjectRef, posted: Posted): Promise<WriteResult> {
    if (ref.subresource === 'eviction') await this.#evict(context, ref, posted);
    else await this.#bind(context, ref, posted);
    const success = { ...{ apiVersion: 'v1', kind: 'Status', metadata: {} }, status: 'Success' };
    return { item: itemOfObject({ ...success, code: 201 }, ''), created: true };
  }

  async #bind(context: RequestContext, ref: ObjectRef, { body, options }: Posted): Promise<void> {
    const { admit, clock, writes } = this.#options;
    const name = podOfBinding(body.object, ref.name);
    const pod = { type: this.#podType(ref), namespace: ref.namespace, name };
    const asks = { operation: 'CREATE', type: ref.type, ref: { ...ref, name } } as const;
    const sent = { ...asks, object: body.object, old: undefined, options };
    const binding = await admit(context, sent);
    const make = (old: KubeObject) => ({
      object: bound(old, binding, clock.now()),
      ...{ managed: true, admitted: true },
    });
    await writes.modify(context, { ...pod, subresource: 'binding' }, { make }, options);
  }

  async #evict(context: RequestContext, ref: ObjectRef, { body, options }: Posted): Promise<void> {
    const { admit, removals } = this.#options;
    const eviction = body.object;
    if (eviction.metadata.name !== ref.name)
      throw badRequest('name in URL does not match name in Eviction object');
    const asked = deletionOf(eviction, options);
    let pod = await this.#pod(ref);
    checkPreconditions(pod, asked);
    const request = { operation: 'CREATE', type: ref.type, ref, old: undefined, options } as const;
    await admit(context, { ...request, object: eviction });
    const { type, namespace, name } = ref;
    for (;;) {
      await this.#askBudget(context, pod, asked);
      // The judgement was about this very state of the pod.
      const preconditions = { ...asked.preconditions, resourceVersion: pod.resourceVersion };
      const deletion = { ...asked, preconditions, admitted: true };
      try {
        await removals.delete(context, { type, namespace, name }, deletion);
        return;
      } catch (error) {
        const raced = isApiError(error, 'Conflict') || error instanceof PreconditionError;
        const now = await this.#pod(ref);
        if (!raced || now.resourceVersion === pod.resourceVersion) throw error;
        pod = now;
        checkPreconditions(pod, asked);
      }
    }
  }

  /** @throws ApiError 429, 500 */
  async #askBudget(
    { auditId, signal }: RequestContext,
    pod: StoredItem,
    { dryRun }: DeleteOptions,
  ): Promise<void> {
    const { collections, types, clock, writes } = this.#options;
    const type = types.typeOfKind('policy/v1', 'PodDisruptionBudget');
    if (type === undefined) return;
    const live = await collections.load(budgetsResource);
    const budgets: KubeObject[] = [];
    live.items.visit(pod.namespace, (_key, item) => budgets.push(item.object()));
    const budget = budgetToAsk(pod.object(), budgets);
    if (budget === undefined) return;
    const make = (old: KubeObject) => ({ object: spent(old, pod.name, clock.now()) });
    if (dryRun) {
      make(budget);
      return;
    }
    const ref = { type, namespace: pod.namespace, name: budget.metadata.name ?? '' };
    const context = { auditId, signal, user: itself, warn: () => {} };
    await writes.modify(context, { ...ref, subresource: 'status' }, { make }, writeOptions);
  }

  async #pod(ref: ObjectRef): Promise<StoredItem> {
    const live = await this.#options.collections.load(podsResource);
    const pod = live.items.get(keyBelow(ref));
    if (pod === undefined) throw notFound(podsResource, ref.name);
    return pod;
  }

  #podType({ type }: ObjectRef): ResourceType {
    return type.resource === 'pods' ? type : this.#options.types.typeOfKind('v1', 'Pod')!;
  }
}

const writeOptions: WriteOptions = {
  dryRun: false,
  fieldManager: manager,
  fieldValidation: 'Ignore',
  force: false,
};

/** @throws ApiError 400, 422 */
function deletionOf(eviction: KubeObject, { dryRun }: WriteOptions): DeleteOptions {
  const sent = eviction['deleteOptions'];
  const asked = deleteOptionsOf(isObject(sent) ? sent : ({} as JsonObject));
  return { ...asked, dryRun: asked.dryRun || dryRun };
}

/** @throws ApiError 409 */
function checkPreconditions(pod: StoredItem, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions;
  const type = { group: '', resource: 'Pod' };
  if (uid !== undefined && uid !== pod.uid)
    throw conflict(
      type,
      pod.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${pod.uid}). ` +
        'The object might have been deleted and then recreated',
    );
  if (resourceVersion !== undefined && resourceVersion !== pod.resourceVersion)
    throw conflict(
      type,
      pod.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match ` +
        `the ResourceVersion in record (${pod.resourceVersion}). The object might have been modified`,
    );
}
