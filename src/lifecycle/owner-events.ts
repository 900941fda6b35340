/** The event about an owner that cannot be where it is looked for. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { KubeObject, OwnerReference } from '../kube/object.ts';
import { quoteGo } from '../kube/quote.ts';
import { formatTime } from '../kube/time.ts';

/** In the object's namespace; in `default` for a cluster-scoped one. */
export function invalidNamespaceEvent(
  owner: OwnerReference,
  { apiVersion, kind, metadata }: KubeObject,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): KubeObject {
  const { name = '', namespace = '', uid = '' } = metadata;
  const what = `${owner.apiVersion}/${owner.kind}, namespace: ${namespace}`;
  const who = `[${what}, name: ${owner.name}, uid: ${owner.uid}]`;
  const now = formatTime(clock.now());
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${name}.${random.bytes(8).toString('hex')}`,
      namespace: namespace === '' ? 'default' : namespace,
    },
    involvedObject: { kind, apiVersion, name, uid, ...(namespace !== '' && { namespace }) },
    type: 'Warning',
    reason: 'OwnerRefInvalidNamespace',
    message: `ownerRef ${who} does not exist in namespace ${quoteGo(namespace)}`,
    source: { component: 'garbage-collector-controller' },
    reportingComponent: 'garbage-collector-controller',
    reportingInstance: '',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
