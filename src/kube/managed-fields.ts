/** Who manages which field: metadata.managedFields after a create, update or patch. */
import type { KubeObject, ManagedFieldsEntry } from './object.ts';
import type { TypeSchema } from './schema.ts';

export interface ManagedOptions {
  readonly schema: TypeSchema;
  /** The stored object; absent on create. */
  readonly live: KubeObject | undefined;
  /** The object to be stored, after defaults; its managedFields are those that the client sent, if any. */
  readonly object: KubeObject;
  readonly manager: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** 'status', 'scale' …; absent for the object itself. */
  readonly subresource?: string;
  /** Fields that this endpoint never writes ([['status']] on the object, [['spec']] on status): never owned by its writers. */
  readonly resetFields?: readonly (readonly string[])[];
}

/** The new metadata.managedFields (live's own array when nothing changed); undefined = none. */
export function updateManagedFields(_options: ManagedOptions): ManagedFieldsEntry[] | undefined {
  throw new Error('being written');
}
