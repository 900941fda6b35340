/**
 * Rules of ObjectMeta: names, labels, annotations, finalizers, owners, and what an update may not
 * change.
 */
import { deepEqual, stringifyJson } from './json.ts';
import { labelKeyProblems, labelValueProblems } from './label-syntax.ts';
import { labelProblems, nameProblems } from './name-syntax.ts';
import type { KubeObject, ManagedFieldsEntry, ObjectMeta, OwnerReference } from './object.ts';
import { quoteGo } from './quote.ts';
import type { StatusCause } from './status.ts';

export interface MetaOptions {
  readonly type: {
    readonly group: string;
    readonly resource: string;
    readonly namespaced: boolean;
  };
  /** After decoding: its fields have the right types. */
  readonly object: KubeObject;
  /** The stored object on update; absent on create. */
  readonly old?: KubeObject;
  /** Native kinds know three finalizers without a domain and no others. */
  readonly native?: boolean;
}

const maxAnnotationBytes = 256 * 1024;
const maxManagerBytes = 128;
const maxSubresourceBytes = 256;

/**
 * Causes in kube-apiserver's words; empty = accepted. Names must be generated and system fields set
 * before.
 */
export function validateMeta(options: MetaOptions): StatusCause[] {
  const check = new MetaCheck();
  if (options.old === undefined) check.created(options);
  else check.updated(options.object.metadata, options.old.metadata);
  if (options.native) check.standardFinalizers(options.object.metadata.finalizers ?? []);
  return check.causes;
}

export function invalidValue(field: string, value: unknown, why: string): StatusCause {
  const shown = typeof value === 'string' ? quoteGo(value) : stringifyJson(value ?? null);
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${why}`, field };
}

export function requiredValue(field: string, why = ''): StatusCause {
  const message = why === '' ? 'Required value' : `Required value: ${why}`;
  return { reason: 'FieldValueRequired', message, field };
}

export function tooLong(field: string, most: number): StatusCause {
  const message = `Too long: may not be more than ${most} byte${most === 1 ? '' : 's'}`;
  return { reason: 'FieldValueTooLong', message, field };
}

const immutable = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

class MetaCheck {
  readonly causes: StatusCause[] = [];

  created({ type, object }: MetaOptions): void {
    const { metadata } = object;
    const { name = '', generateName = '' } = metadata;
    if (generateName !== '')
      this.#invalid('metadata.generateName', generateName, nameProblems(type, generateName, true));
    if (name === '')
      this.causes.push(requiredValue('metadata.name', 'name or generateName is required'));
    else this.#invalid('metadata.name', name, nameProblems(type, name));
    this.#namespace(type.namespaced, metadata.namespace ?? '');
    this.#generation(metadata.generation);
    this.#labels(metadata.labels ?? {});
    this.#annotations(metadata.annotations ?? {});
    this.#owners(metadata.ownerReferences ?? []);
    this.#finalizers(metadata.finalizers ?? []);
    this.#managedFields(metadata.managedFields ?? []);
  }

  updated(now: ObjectMeta, before: ObjectMeta): void {
    if (before.deletionTimestamp !== undefined) this.#noNewFinalizers(now, before);
    if (!now.resourceVersion)
      this.causes.push(
        invalidValue('metadata.resourceVersion', '', 'must be specified for an update'),
      );
    this.#generation(now.generation);
    if ((now.generation ?? 0) < (before.generation ?? 0))
      this.#invalid('metadata.generation', now.generation ?? 0, ['must not be decremented']);
    for (const field of immutable)
      if (!deepEqual(now[field] ?? '', before[field] ?? ''))
        this.#invalid(`metadata.${field}`, now[field] ?? '', ['field is immutable']);
    this.#labels(now.labels ?? {});
    this.#annotations(now.annotations ?? {});
    this.#owners(now.ownerReferences ?? []);
    this.#finalizers(now.finalizers ?? []);
    this.#managedFields(now.managedFields ?? []);
  }

  standardFinalizers(finalizers: readonly string[]): void {
    const standard = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
    const why = 'name is neither a standard finalizer name nor is it fully qualified';
    for (const [i, name] of finalizers.entries())
      if (!name.includes('/') && !standard.has(name))
        this.#invalid(`metadata.finalizers[${i}]`, name, [why]);
  }

  #invalid(field: string, value: unknown, problems: readonly string[]): void {
    for (const problem of problems) this.causes.push(invalidValue(field, value, problem));
  }

  #namespace(namespaced: boolean, namespace: string): void {
    const field = 'metadata.namespace';
    if (namespaced && namespace === '') this.causes.push(requiredValue(field));
    else if (namespaced) this.#invalid(field, namespace, labelProblems(namespace));
    else if (namespace !== '') {
      const message = 'Forbidden: not allowed on this type';
      this.causes.push({ reason: 'FieldValueForbidden', message, field });
    }
  }

  #generation(generation: number | undefined): void {
    if (generation !== undefined && generation < 0)
      this.#invalid('metadata.generation', generation, ['must be greater than or equal to 0']);
  }

  #labels(labels: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(labels)) {
      this.#invalid('metadata.labels', key, labelKeyProblems(key));
      this.#invalid('metadata.labels', value, labelValueProblems(value));
    }
  }

  #annotations(annotations: Readonly<Record<string, string>>): void {
    const field = 'metadata.annotations';
    let size = 0;
    for (const [key, value] of Object.entries(annotations)) {
      this.#invalid(field, key, labelKeyProblems(key.toLowerCase()));
      size += Buffer.byteLength(key) + Buffer.byteLength(value);
    }
    if (size > maxAnnotationBytes) this.causes.push(tooLong(field, maxAnnotationBytes));
  }

  #finalizers(finalizers: readonly string[]): void {
    const field = 'metadata.finalizers';
    for (const name of finalizers) this.#invalid(field, name, labelKeyProblems(name));
    if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
      this.#invalid(field, finalizers, [
        'finalizer orphan and foregroundDeletion cannot be both set',
      ]);
  }

  #noNewFinalizers(now: ObjectMeta, before: ObjectMeta): void {
    const old = new Set(before.finalizers);
    const added = [...new Set(now.finalizers ?? [])].filter((name) => !old.has(name)).sort();
    if (added.length === 0) return;
    const list = added.map(quoteGo).join(', ');
    this.causes.push({
      reason: 'FieldValueForbidden',
      message:
        'Forbidden: no new finalizers can be added if the object is being deleted, ' +
        `found new finalizers []string{${list}}`,
      field: 'metadata.finalizers',
    });
  }

  #owners(references: readonly OwnerReference[]): void {
    const field = 'metadata.ownerReferences';
    let controller: string | undefined;
    for (const [i, reference] of references.entries()) {
      this.#owner(reference, `${field}[${i}]`);
      if (reference.controller !== true) continue;
      const name = `${reference.kind}/${reference.name}`;
      if (controller === undefined) controller = name;
      else
        this.#invalid(field, references, [
          'Only one reference can have Controller set to true. ' +
            `Found "true" in references for ${controller} and ${name}`,
        ]);
    }
  }

  #owner(reference: OwnerReference, field: string): void {
    const { apiVersion } = reference;
    const required = ['apiVersion', 'kind', 'name', 'uid'] as const;
    for (const name of required) {
      if (!reference[name])
        this.causes.push(requiredValue(`${field}.${name}`, 'must not be empty'));
      else if (name === 'apiVersion' && !/^([^/]*\/)?[^/]+$/.test(apiVersion))
        this.#invalid(`${field}.apiVersion`, apiVersion, [
          'must be <group>/<version> or <version>',
        ]);
    }
    if (apiVersion === 'v1' && reference.kind === 'Event')
      this.#invalid(field, reference, ['/v1, Kind=Event is disallowed from being an owner']);
  }

  #managedFields(entries: readonly ManagedFieldsEntry[]): void {
    // One empty entry asks for a reset, see managed-fields.ts.
    if (entries.length === 1 && Object.keys(entries[0]!).length === 0) return;
    for (const [i, entry] of entries.entries()) {
      const field = `metadata.managedFields[${i}]`;
      if (!entry.operation)
        this.causes.push(requiredValue(`${field}.operation`, 'must not be empty'));
      else if (entry.operation !== 'Apply' && entry.operation !== 'Update')
        this.causes.push({
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: ${quoteGo(entry.operation)}: supported values: "Apply", "Update"`,
          field: `${field}.operation`,
        });
      if (entry.fieldsType && entry.fieldsType !== 'FieldsV1')
        this.#invalid(`${field}.fieldsType`, entry.fieldsType, ['must be `FieldsV1`']);
      if (Buffer.byteLength(entry.manager ?? '') > maxManagerBytes)
        this.causes.push(tooLong(`${field}.manager`, maxManagerBytes));
      if (Buffer.byteLength(entry.subresource ?? '') > maxSubresourceBytes)
        this.causes.push(tooLong(`${field}.subresource`, maxSubresourceBytes));
    }
  }
}
