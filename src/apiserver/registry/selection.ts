/** What one list or watch asks for: namespace, labels and fields, decided item by item. */

import type { ResourceType } from '../../kube/resource.ts';
import {
  type FieldSelector,
  type LabelSelector,
  matchFields,
  matchLabels,
  requiredField,
} from '../../kube/selector.ts';
import { badRequest } from '../../kube/status.ts';
import { customField, isFieldLabel, noFieldLabel } from './field-labels.ts';
import type { StoredItem } from './item.ts';
import { type Form, servedAs } from './versions.ts';

export interface SelectionRequest {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly labelSelector: LabelSelector;
  readonly fieldSelector: FieldSelector;
}

export class Selection {
  /** '' = all namespaces. */
  readonly namespace: string;
  readonly labels: LabelSelector;
  /** The one name that can match; undefined: any. */
  readonly name: string | undefined;
  readonly #fields: FieldSelector;
  readonly #form: Form;
  /** Fields of the object itself are asked for, as its definition allows. */
  readonly #custom: boolean;

  /** @throws ApiError 400 for a field that the type cannot be selected by. */
  constructor(request: SelectionRequest, form: Form) {
    const { type, fieldSelector } = request;
    const selectable = form.facts.custom?.version.selectable;
    for (const { field } of fieldSelector)
      if (!isFieldLabel(type, field, selectable)) throw badRequest(noFieldLabel(type, field));
    this.#form = form;
    this.#custom =
      selectable !== undefined && fieldSelector.some(({ field }) => selectable.includes(field));
    const named = type.namespaced ? requiredField(fieldSelector, 'metadata.namespace') : undefined;
    this.namespace = request.namespace === '' ? (named ?? '') : request.namespace;
    this.labels = request.labelSelector;
    this.name = requiredField(fieldSelector, 'metadata.name');
    this.#fields = fieldSelector;
  }

  /** Nothing but perhaps the namespace is asked for. */
  get everything(): boolean {
    return this.labels.length === 0 && this.#fields.length === 0;
  }

  matches(item: StoredItem): boolean {
    if (this.namespace !== '' && item.namespace !== this.namespace) return false;
    if (this.labels.length > 0 && !matchLabels(this.labels, item.labels)) return false;
    if (this.#fields.length === 0) return true;
    const object = this.#custom ? servedAs(item, this.#form).object() : undefined;
    return matchFields(this.#fields, (field) => {
      if (field === 'metadata.name') return item.name;
      if (field === 'metadata.namespace') return item.namespace;
      return object === undefined ? item.fields?.[field] : customField(object, field);
    });
  }
}
