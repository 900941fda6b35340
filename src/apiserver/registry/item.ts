/**
 * One object as it is cached and served: its bytes, and the little of it that selectors and indexes
 * need.
 */
import { encodeObject, parseJson, spliceResourceVersion } from '../../kube/json.ts';
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';
import type { Entry } from '../../store/store.ts';
import type { Item } from '../backend.ts';
import { servedVersion } from './revision.ts';

const noLabels: Readonly<Record<string, string>> = Object.freeze({});

interface StoredForm {
  /** Canonical bytes without resourceVersion. */
  readonly stored: Buffer;
  readonly resourceVersion: string;
  /** 0 for what was never committed (dry run, scale). */
  readonly revision: number;
  readonly meta: ObjectMeta;
  readonly apiVersion: string;
  readonly fields: FieldValues | undefined;
  /** As StoredItem.written; the revision itself unless given. */
  readonly written?: number;
  /** Without resourceVersion; shared from then on. */
  readonly object?: KubeObject;
}

/** Values of the type's selectable fields, besides metadata.name and metadata.namespace. */
export type FieldValues = Readonly<Record<string, string>>;

export class StoredItem implements Item {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly revision: number;
  /** When its content was: an object's last event carries a later revision. */
  readonly written: number;
  readonly apiVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: FieldValues | undefined;
  readonly deleting: boolean;
  #stored: Buffer | undefined;
  #bytes: Buffer | undefined;
  #object: WeakRef<KubeObject> | undefined;

  constructor(form: StoredForm) {
    this.namespace = form.meta.namespace ?? '';
    this.name = form.meta.name ?? '';
    this.uid = form.meta.uid ?? '';
    this.labels = form.meta.labels ?? noLabels;
    this.deleting = form.meta.deletionTimestamp !== undefined;
    this.resourceVersion = form.resourceVersion;
    this.revision = form.revision;
    this.written = form.written ?? form.revision;
    this.apiVersion = form.apiVersion;
    this.fields = form.fields;
    if (form.resourceVersion === '') this.#bytes = form.stored;
    else this.#stored = form.stored;
    if (form.object !== undefined) this.#object = new WeakRef(served(form.object, form));
  }

  /** Bytes that it holds. */
  get size(): number {
    return (this.#bytes ?? this.#stored)!.length;
  }

  get bytes(): Buffer {
    if (this.#bytes === undefined) {
      // Only one of the two is kept: most items are read often or never.
      this.#bytes = spliceResourceVersion(this.#stored!, this.resourceVersion);
      this.#stored = undefined;
    }
    return this.#bytes;
  }

  object(): KubeObject {
    const known = this.#object?.deref();
    if (known !== undefined) return known;
    const object = parseJson(this.bytes).value as unknown as KubeObject;
    this.#object = new WeakRef(object);
    return object;
  }

  /** The same state under a later resourceVersion, as the last event of an object carries it. */
  at(revision: number): StoredItem {
    const { resourceVersion: _old, ...meta } = this.object().metadata;
    const object = { ...this.object(), metadata: meta };
    return this.#like(object, revision);
  }

  /** The same state in other words; `object` carries no resourceVersion. */
  with(object: KubeObject): StoredItem {
    return this.#like(object, this.revision);
  }

  #like(object: KubeObject, revision: number): StoredItem {
    return new StoredItem({
      stored: encodeObject(object),
      resourceVersion: servedVersion(revision),
      meta: object.metadata,
      apiVersion: object.apiVersion,
      fields: this.fields,
      written: this.written,
      object,
      revision,
    });
  }
}

function served(object: KubeObject, form: StoredForm): KubeObject {
  const { resourceVersion: _old, ...meta } = object.metadata;
  if (form.resourceVersion === '') return { ...object, metadata: meta };
  return { ...object, metadata: { resourceVersion: form.resourceVersion, ...meta } };
}

export type FieldReader = (object: KubeObject) => FieldValues;

/** An item of what the store holds; `object` saves parsing when the writer still has it. */
export function itemOfEntry(
  entry: Entry,
  { object, readFields }: { object?: KubeObject | undefined; readFields?: FieldReader | undefined },
): StoredItem {
  const base = {
    stored: entry.value,
    revision: entry.modRevision,
    resourceVersion: servedVersion(entry.modRevision),
  };
  const whole =
    object ??
    (readFields === undefined
      ? undefined
      : (parseJson(entry.value).value as unknown as KubeObject));
  if (whole === undefined)
    return new StoredItem({ ...base, ...headOf(entry.value), fields: undefined });
  return new StoredItem({
    ...base,
    meta: whole.metadata,
    apiVersion: whole.apiVersion,
    fields: readFields?.(whole),
    object: whole,
  });
}

/** An item that is not in the store: a dry run's outcome, or a subresource of its own kind. */
export function itemOfObject(object: KubeObject, resourceVersion: string): StoredItem {
  return new StoredItem({
    stored: encodeObject(object),
    resourceVersion,
    revision: 0,
    meta: object.metadata,
    apiVersion: object.apiVersion,
    fields: undefined,
    object,
  });
}

const quote = 0x22;
const backslash = 0x5c;
const metadataStart = Buffer.from('"metadata":{', 'latin1');

/** apiVersion and metadata of canonical bytes, without parsing the rest. */
function headOf(bytes: Buffer): { apiVersion: string; meta: ObjectMeta } {
  const start = bytes.indexOf(metadataStart);
  const open = start + metadataStart.length - 1;
  const head = JSON.parse(`${bytes.toString('utf8', 0, start - 1)}}`) as { apiVersion: string };
  const meta = parseJson(bytes.subarray(open, endOfObject(bytes, open))).value;
  return { apiVersion: head.apiVersion, meta: meta as unknown as ObjectMeta };
}

/** The position after the object that opens at `at`. */
function endOfObject(bytes: Buffer, at: number): number {
  let depth = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === quote) {
      i++;
      while (bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1;
    } else if (byte === 0x7b) depth++;
    else if (byte === 0x7d && --depth === 0) return i + 1;
  }
  return bytes.length;
}
