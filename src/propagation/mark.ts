/**
 * The mark: what makes an object in a member a copy of ours, and nobody else's. Everything unmarked
 * is a stranger.
 */
import type { TemplateIdentity } from '../api/records.ts';
import type { KubeObject } from '../kube/object.ts';

/** Label; its value is the federation's id. */
export const federationLabel = 'ubernetes.dev/federation';
/** Annotation: the copy's own identity, so that a label handed down to children marks nothing. */
export const copyOfAnnotation = 'ubernetes.dev/copy-of';
/** Annotation: the hash of the rendering that was last written. */
export const hashAnnotation = 'ubernetes.dev/hash';

/**
 * `group/kind/namespace/name/cluster/uid`; '' for the core group and for cluster-scoped objects.
 */
export function identityOf(template: TemplateIdentity, cluster: string): string {
  const { group, kind, namespace, name, uid } = template;
  return [group, kind, namespace, name, cluster, uid].join('/');
}

export interface Mark {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly cluster: string;
  /** The template's uid. */
  readonly uid: string;
  readonly hash: string;
}

/**
 * The mark of an object read from `cluster`, or undefined for a stranger: another federation's
 * label, or an
 * identity that is not the object's own (controllers hand labels down to children, people copy
 * YAML). A copy that
 * only lost its label is still known by its identity, which holds the template's uid.
 */
export function markOf(
  object: KubeObject,
  owner: { federation: string; cluster: string },
): Mark | undefined {
  const { labels, annotations, name, namespace } = object.metadata;
  if ((labels?.[federationLabel] ?? owner.federation) !== owner.federation) return undefined;
  const parts = (annotations?.[copyOfAnnotation] ?? '').split('/');
  if (parts.length !== 6) return undefined;
  const [group, kind, inNamespace, ofName, cluster, uid] = parts as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const slash = object.apiVersion.indexOf('/');
  const ownGroup = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  const own =
    group === ownGroup &&
    kind === object.kind &&
    ofName === name &&
    inNamespace === (namespace ?? '') &&
    cluster === owner.cluster;
  if (!own) return undefined;
  return {
    group,
    kind,
    namespace: inNamespace,
    name: ofName,
    cluster,
    uid,
    hash: annotations?.[hashAnnotation] ?? '',
  };
}

/**
 * A merge patch that takes the mark off a copy and leaves the rest as it is. Holds only for the
 * very
 * object that was looked at: whoever took its place is not ours to touch.
 */
export function unmarkPatch({ metadata: { uid, resourceVersion } }: KubeObject) {
  return {
    metadata: {
      uid,
      resourceVersion,
      labels: { [federationLabel]: null },
      annotations: { [copyOfAnnotation]: null, [hashAnnotation]: null },
    },
  };
}
