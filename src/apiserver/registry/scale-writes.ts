/** Writes to the scale subresource, as modifications of the object that is scaled. */
import { updateManagedFields } from '../../kube/managed-fields.ts';
import { isObject, type JsonObject, type KubeObject } from '../../kube/object.ts';
import { apiVersionOf, type ResourceType } from '../../kube/resource.ts';
import { applyPatch } from '../../kube/server-side-apply.ts';
import { badRequest } from '../../kube/status.ts';
import { parseYaml } from '../../kube/yaml.ts';
import type { WriteOptions } from '../backend.ts';
import { changeOf, type Patch } from './patching.ts';
import { scaleDocument, withScale } from './scale.ts';
import { ownersOfScale, ownersWithScale, scaleSchema } from './scale-owners.ts';
import type { ScalePaths } from './type-facts.ts';
import type { Modification } from './writes.ts';

export interface ScaleWrite {
  readonly type: ResourceType;
  readonly paths: ScalePaths;
  readonly options: WriteOptions;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What a write makes of a Scale; its managedFields too when they are right already. */
type ScaleChange = (live: KubeObject) => { readonly object: unknown; readonly managed: boolean };

export function scaleUpdate(object: KubeObject, write: ScaleWrite): Modification {
  return modification(() => ({ object, managed: false }), write);
}

/** @throws ApiError 400 for a patch that cannot be read */
export function scalePatch(patch: Patch, write: ScaleWrite): Modification {
  if (patch.type !== 'application/apply-patch+yaml') {
    const change = changeOf(patch);
    return modification(
      (live) => ({
        object: change.apply(live as unknown as JsonObject, undefined),
        managed: false,
      }),
      write,
    );
  }
  const { value } = parseYaml(patch.body, { duplicates: 'report' });
  if (!isObject(value)) throw badRequest('error decoding YAML: the patch is no object');
  const { fieldManager: manager, force } = write.options;
  const applied = { schema: scaleSchema(), manager, force, now: write.now, subresource: 'scale' };
  const change: ScaleChange = (live) => {
    const { object } = applyPatch({ ...applied, live, patch: value as unknown as KubeObject });
    return { object, managed: true };
  };
  return modification(change, write);
}

function modification(
  change: ScaleChange,
  { type, paths, options, now }: ScaleWrite,
): Modification {
  const parent = { apiVersion: apiVersionOf(type), replicas: paths.specReplicas };
  return {
    make(old) {
      const { managedFields: entries } = old.metadata;
      const live = owned(scaleDocument(old, paths), ownersOfScale(entries, paths.specReplicas));
      const { object, managed } = change(live);
      const scaled = withScale(old, object, paths).object;
      const scaleEntries = managed
        ? (object as KubeObject).metadata.managedFields
        : updateManagedFields({
            schema: scaleSchema(),
            live,
            object: owned(scaleDocument(scaled, paths), live.metadata.managedFields),
            manager: options.fieldManager,
            now,
            subresource: 'scale',
          });
      const managedFields = ownersWithScale(entries, scaleEntries, parent);
      return { object: owned(scaled as unknown as JsonObject, managedFields), managed: true };
    },
  };
}

function owned(
  object: JsonObject,
  managedFields: KubeObject['metadata']['managedFields'],
): KubeObject {
  const { managedFields: _before, ...metadata } = (object.metadata ?? {}) as JsonObject;
  const owners = managedFields === undefined ? {} : { managedFields };
  return { ...object, metadata: { ...metadata, ...owners } } as unknown as KubeObject;
}
