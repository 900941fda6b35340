/**
 * What a member's verdict about a copy hangs on, as a short key: the same for objects that differ
 * only in the numbers in their names.
 */
import { createHash } from 'node:crypto';
import { stringifyJson } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';

/**
 * `before`: what this federation last wrote there, for an update, since what may change hangs on
 * it. Annotations do not count. What stands where an object has its own name (labels, selectors) is
 * that name; of the name, the digits do not count, only how many there are.
 */
export function verdictKey(
  cluster: string,
  object: KubeObject,
  before: KubeObject | undefined,
): string {
  const { name = '', namespace = '' } = object.metadata;
  const hash = createHash('sha256');
  hash.update(`${cluster} ${namespace} ${name.replace(/[0-9]/g, '0')} `).update(nameless(object));
  if (before !== undefined) hash.update(nameless(before));
  return hash.digest('base64url');
}

/** A character that JSON holds only escaped: no text of an object is this by chance. */
const placeholder = '"\u0000"';

function nameless({ metadata, ...body }: KubeObject): string {
  const text = stringifyJson([metadata.labels ?? {}, body as never]);
  return text.replaceAll(JSON.stringify(metadata.name ?? ''), placeholder);
}
