/**
 * Copies as members send them. Half of their bytes say who manages which field, which hardly anyone
 * asks: that part is kept as bytes and parsed when somebody does.
 */
import { headOf } from '../client/object-head.ts';
import { parseJson } from '../kube/json.ts';
import type { KubeObject, ManagedFieldsEntry } from '../kube/object.ts';

const start = Buffer.from('"managedFields":[{');
/**
 * The end of managedFields where it is metadata's last field, as Go writes it; and where it is not.
 * The list holds no other list, and quotes within strings are escaped: both can stand only where
 * they should, or at the end of a string, and cut there, what is left is no JSON.
 */
const lastField = Buffer.from('}]},"');
const innerField = Buffer.from('}],"');

const unparsed = Symbol('managedFields');

type Metadata = KubeObject['metadata'] & { [unparsed]?: Buffer };

/** An object without metadata.managedFields: ask `managersOf` for them. */
export function parseCopy(bytes: Buffer): KubeObject {
  const from = headOf(bytes) === undefined ? -1 : bytes.indexOf(start);
  const to = from < 0 ? -1 : bytes.indexOf(lastField, from);
  if (to >= 0 && bytes[from - 1] === comma && !bytes.subarray(from, to).includes(innerField)) {
    try {
      const text = bytes.toString('utf8', 0, from - 1) + bytes.toString('utf8', to + 2);
      const object = parseJson(text).value as unknown as KubeObject;
      const kept = Buffer.from(bytes.subarray(from + start.length - 2, to + 2));
      Object.defineProperty(object.metadata, unparsed, { value: kept });
      return object;
    } catch {
      // A string looked like the end of the list.
    }
  }
  return parseJson(bytes).value as unknown as KubeObject;
}

const comma = 0x2c;

/** Who manages which of its fields; empty when the member does not say. */
export function managersOf({ metadata }: KubeObject): readonly ManagedFieldsEntry[] {
  const bytes = (metadata as Metadata)[unparsed];
  if (bytes === undefined) return metadata.managedFields ?? [];
  return parseJson(bytes).value as unknown as ManagedFieldsEntry[];
}

/** Those who wrote through a subresource; costs next to nothing where nobody did. */
export function managersThrough(object: KubeObject, subresource: string) {
  const bytes = (object.metadata as Metadata)[unparsed];
  if (bytes !== undefined && !bytes.includes(`"subresource":"${subresource}"`)) return [];
  return managersOf(object).filter((entry) => entry.subresource === subresource);
}
