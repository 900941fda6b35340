/** One OpenAPI v3 document out of several about the same group and version. */
import { setField } from '../../kube/json.ts';
import { isObject, type JsonObject } from '../../kube/object.ts';

/** The last union that began with these bytes. */
const united = new WeakMap<Buffer, { readonly of: readonly Buffer[]; readonly bytes: Buffer }>();

/**
 * The first document to the byte when it is alone; else with the paths and schemas that only the
 * others have.
 */
export function unitedDocument(documents: readonly Buffer[]): Buffer {
  const [first] = documents;
  if (first === undefined) throw new Error('no OpenAPI document to unite');
  if (documents.length === 1) return first;
  const known = united.get(first);
  const same =
    documents.length === known?.of.length && known.of.every((d, i) => d === documents[i]);
  if (same) return known.bytes;
  const bytes = unite(documents);
  united.set(first, { of: documents, bytes });
  return bytes;
}

function unite(documents: readonly Buffer[]): Buffer {
  const parsed = documents.map((bytes) => JSON.parse(bytes.toString('utf8')) as JsonObject);
  const paths = mergedFields(parsed.map(({ paths }) => paths));
  const components = parsed.map(({ components }) => (isObject(components) ? components : {}));
  const schemas = mergedFields(components.map(({ schemas }) => schemas));
  const whole = { ...parsed[0], paths, components: { ...components[0], schemas } };
  return Buffer.from(JSON.stringify(whole), 'utf8');
}

/** Fields of all objects; of equal names the first one's. */
function mergedFields(objects: readonly unknown[]): JsonObject {
  const merged: JsonObject = {};
  for (const object of objects)
    for (const [name, value] of Object.entries(isObject(object) ? object : {}))
      if (!Object.hasOwn(merged, name)) setField(merged, name, value);
  return merged;
}
