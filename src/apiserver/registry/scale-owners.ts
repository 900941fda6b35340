/**
 * Who manages the replicas of an object, as seen through its scale subresource, and back: a Scale
 * is written and applied as an object of its own, with owners of its own.
 */
import { FieldSet } from '../../kube/field-set.ts';
import type { ManagedFieldsEntry } from '../../kube/object.ts';
import { objectMetaSchema } from '../../kube/object-meta-schema.ts';
import { decodeOwners, encodeOwners, type Owner, type Owners } from '../../kube/owners.ts';
import type { TypeSchema } from '../../kube/schema.ts';
import { SchemaSet } from '../../kube/schema-set.ts';

export const scaleType = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;
const apiVersion = 'autoscaling/v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const int32 = { type: 'integer', format: 'int32' };

const document = {
  components: {
    schemas: {
      [meta]: objectMetaSchema,
      'io.k8s.api.autoscaling.v1.Scale': {
        type: 'object',
        'x-kubernetes-group-version-kind': [scaleType],
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { allOf: [{ $ref: `#/components/schemas/${meta}` }], default: {} },
          spec: { type: 'object', properties: { replicas: int32 } },
          status: {
            type: 'object',
            properties: { replicas: int32, selector: { type: 'string' } },
          },
        },
      },
    },
  },
};

let compiled: TypeSchema | undefined;

export function scaleSchema(): TypeSchema {
  if (compiled !== undefined) return compiled;
  const schemas = new SchemaSet();
  schemas.addDocument({ ...scaleType, load: () => document, native: true });
  compiled = schemas.lookup(scaleType.group, scaleType.version, scaleType.kind)!;
  return compiled;
}

const replicasOfScale = FieldSet.from([['f:spec', 'f:replicas']]);

function setOf(path: readonly string[]): FieldSet {
  return FieldSet.from([path.map((name) => `f:${name}`)]);
}

function has(owner: Owner, path: readonly string[]): boolean {
  return !owner.set.intersection(setOf(path)).isEmpty;
}

/** The entries of a Scale: those who own the object's replicas own the Scale's. */
export function ownersOfScale(
  entries: readonly ManagedFieldsEntry[] | undefined,
  replicas: readonly string[],
): ManagedFieldsEntry[] | undefined {
  const owners: Owners = new Map();
  for (const [identity, owner] of decodeOwners(entries))
    if (has(owner, replicas))
      owners.set(identity, { ...owner, apiVersion, set: replicasOfScale, source: undefined });
  return encodeOwners(owners);
}

/**
 * The entries of the object after those of its Scale have changed. As in kube-apiserver, an owner
 * who came by the Scale has no time.
 */
export function ownersWithScale(
  entries: readonly ManagedFieldsEntry[] | undefined,
  scaleEntries: readonly ManagedFieldsEntry[] | undefined,
  parent: { readonly apiVersion: string; readonly replicas: readonly string[] },
): ManagedFieldsEntry[] | undefined {
  const before = decodeOwners(entries);
  const scaling = decodeOwners(scaleEntries);
  const owners: Owners = new Map();
  const path = setOf(parent.replicas);
  for (const [identity, owner] of before) {
    if (!has(owner, parent.replicas) || scaling.has(identity)) {
      owners.set(identity, owner);
      scaling.delete(identity);
      continue;
    }
    const set = owner.set.difference(path);
    if (!set.isEmpty) owners.set(identity, { ...owner, set, source: undefined });
  }
  for (const [identity, owner] of scaling) {
    if (!has(owner, ['spec', 'replicas'])) continue;
    // An entry of its own, beside one that the same manager may have for other fields.
    owners.set(`scale ${identity}`, {
      ...owner,
      apiVersion: parent.apiVersion,
      set: path,
      time: before.get(identity)?.time,
      source: undefined,
    });
  }
  return encodeOwners(owners);
}
