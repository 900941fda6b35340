/** The Table cells of volumes, claims, storage classes and CSI objects. */
import { type KubeObject, valueAt } from '../../kube/object.ts';
import { age, has, list, nameOf, none, type Printer, quantity, text, unset } from './format.ts';

const accessModes: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

function modes(object: KubeObject, part: 'spec' | 'status'): string {
  const given = list(object, part, 'accessModes');
  return accessModes
    .filter(([mode]) => given.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

/** The annotation from before classes had a field still counts. */
function storageClass(object: KubeObject): string {
  const annotation = object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
  return annotation ?? text(object, 'spec', 'storageClassName');
}

function phase(object: KubeObject): string {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return text(object, 'status', 'phase') || 'Pending';
}

function attributesClass(object: KubeObject): string {
  return has(object, 'spec', 'volumeAttributesClassName')
    ? text(object, 'spec', 'volumeAttributesClassName')
    : unset;
}

export const printVolume: Printer = (object, now) => {
  const claim = valueAt(object, 'spec', 'claimRef') ?? undefined;
  return [
    nameOf(object),
    quantity(valueAt(object, 'spec', 'capacity', 'storage')),
    modes(object, 'spec'),
    text(object, 'spec', 'persistentVolumeReclaimPolicy') || 'Retain',
    phase(object),
    claim === undefined ? '' : `${text(claim, 'namespace')}/${text(claim, 'name')}`,
    storageClass(object),
    attributesClass(object),
    text(object, 'status', 'reason'),
    age(object, now),
    text(object, 'spec', 'volumeMode') || 'Filesystem',
  ];
};

export const printClaim: Printer = (object, now) => {
  const bound = text(object, 'spec', 'volumeName') !== '';
  return [
    nameOf(object),
    phase(object),
    text(object, 'spec', 'volumeName'),
    bound ? quantity(valueAt(object, 'status', 'capacity', 'storage')) : '',
    bound ? modes(object, 'status') : '',
    storageClass(object),
    attributesClass(object),
    age(object, now),
    text(object, 'spec', 'volumeMode') || 'Filesystem',
  ];
};

const defaultClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** Of several default classes the youngest counts, then the first by name. */
export function defaultStorageClass(classes: readonly KubeObject[]): string | undefined {
  let best: KubeObject | undefined;
  for (const each of classes) {
    const { annotations } = each.metadata;
    if (!defaultClassAnnotations.some((key) => annotations?.[key] === 'true')) continue;
    if (best === undefined || outranks(each, best)) best = each;
  }
  return best?.metadata.name;
}

function outranks(one: KubeObject, other: KubeObject): boolean {
  const at = Date.parse(one.metadata.creationTimestamp ?? '') || 0;
  const otherAt = Date.parse(other.metadata.creationTimestamp ?? '') || 0;
  return at === otherAt ? nameOf(one) < nameOf(other) : at > otherAt;
}

export const printStorageClass: Printer = (object, now) => [
  nameOf(object),
  text(object, 'provisioner'),
  text(object, 'reclaimPolicy') || 'Delete',
  text(object, 'volumeBindingMode') || 'Immediate',
  valueAt(object, 'allowVolumeExpansion') === true,
  age(object, now),
];

export const printAttributesClass: Printer = (object, now) => [
  nameOf(object),
  text(object, 'driverName'),
  age(object, now),
];

export const printAttachment: Printer = (object, now) => [
  nameOf(object),
  text(object, 'spec', 'attacher'),
  text(object, 'spec', 'source', 'persistentVolumeName'),
  text(object, 'spec', 'nodeName'),
  valueAt(object, 'status', 'attached') === true,
  age(object, now),
];

export const printCsiNode: Printer = (object, now) => [
  nameOf(object),
  list(object, 'spec', 'drivers').length,
  age(object, now),
];

export const printCsiDriver: Printer = (object, now) => [
  nameOf(object),
  valueAt(object, 'spec', 'attachRequired') !== false,
  valueAt(object, 'spec', 'podInfoOnMount') === true,
  valueAt(object, 'spec', 'storageCapacity') === true,
  has(object, 'spec', 'tokenRequests')
    ? list(object, 'spec', 'tokenRequests')
        .map((request) => text(request, 'audience'))
        .join(',')
    : unset,
  valueAt(object, 'spec', 'requiresRepublish') === true,
  (has(object, 'spec', 'volumeLifecycleModes')
    ? list(object, 'spec', 'volumeLifecycleModes').join(',')
    : 'Persistent') || none,
  age(object, now),
];

export const printCsiCapacity: Printer = (object) => [
  nameOf(object),
  text(object, 'storageClassName'),
  has(object, 'capacity') ? quantity(valueAt(object, 'capacity')) : unset,
];
