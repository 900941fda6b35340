/**
 * Stored objects as a version of their type shows them: under its name, and for custom kinds as the
 * schema of today reads them.
 */
import { applyDefaults } from '../../kube/defaults.ts';
import type { KubeObject } from '../../kube/object.ts';
import { apiVersionOf, type ResourceType } from '../../kube/resource.ts';
import type { TypeSchema } from '../../kube/schema.ts';
import { settle } from '../../kube/validate.ts';
import type { StoredItem } from './item.ts';
import type { TypeBook, TypeFacts } from './type-facts.ts';

/** One served version, as its readers need to know it. */
export interface Form {
  readonly apiVersion: string;
  readonly facts: TypeFacts;
}

export function formOf(type: ResourceType, types: TypeBook): Form {
  return { apiVersion: apiVersionOf(type), facts: types.factsOf(type) };
}

const renamed = new WeakMap<StoredItem, Map<string, StoredItem>>();
const settled = new WeakMap<StoredItem, { schema: TypeSchema; item: StoredItem }>();

/**
 * The item itself when it is stored in this form; else made once and shared by all who ask.
 */
export function servedAs(item: StoredItem, { apiVersion, facts }: Form): StoredItem {
  const { custom, schema } = facts;
  const read =
    custom === undefined || item.written > custom.since
      ? item
      : settledBy(item, schema.atVersion(item.apiVersion) ?? schema);
  return read.apiVersion === apiVersion ? read : renamedTo(read, apiVersion);
}

/** Whether the item is stored just as it is served. */
export function isStoredAs(item: StoredItem, form: Form): boolean {
  return item.apiVersion === form.facts.storedAs && servedAs(item, form) === item;
}

/**
 * A definition may have changed since the object was written: unknown fields go, defaults come, as
 * kube-apiserver does when it reads.
 */
function settledBy(item: StoredItem, schema: TypeSchema): StoredItem {
  const known = settled.get(item);
  if (known?.schema === schema) return known.item;
  const object = item.object();
  const read = applyDefaults(schema, settle(schema, object));
  const made = read === object ? item : item.with(withoutVersion(read));
  settled.set(item, { schema, item: made });
  return made;
}

function renamedTo(item: StoredItem, apiVersion: string): StoredItem {
  let others = renamed.get(item);
  if (others === undefined) {
    others = new Map();
    renamed.set(item, others);
  }
  let other = others.get(apiVersion);
  if (other === undefined) {
    other = item.with(withoutVersion({ ...item.object(), apiVersion }));
    others.set(apiVersion, other);
  }
  return other;
}

function withoutVersion(object: KubeObject): KubeObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
