/** Where an object may be created: its namespace must be there and not be on its way out. */
import type { ObjectMeta } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { groupResource, type ResourceType } from '../../kube/resource.ts';
import { ApiError, notFound } from '../../kube/status.ts';
import type { ObjectRef } from '../backend.ts';
import type { Collections, LiveCollection } from './collections.ts';

export const namespacesResource = { group: '', resource: 'namespaces' } as const;

/** Cannot be deleted, as in kube-apiserver. */
const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export class NamespaceGate {
  readonly #collections: Collections;

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  /** @throws ApiError 404 without the namespace, 403 when it is terminating */
  async open(
    type: ResourceType,
    { name, generateName, namespace = '' }: ObjectMeta,
  ): Promise<() => void> {
    if (!type.namespaced) return () => {};
    const live = await this.#collections.load(namespacesResource);
    const subject = { type, namespace, name: name || generateName || '' };
    const check = (): void => checkNamespace(live, subject);
    check();
    return check;
  }

  checkDelete(type: ResourceType, name: string): void {
    if (type.group !== '' || type.resource !== 'namespaces' || !immortal.has(name)) return;
    throw new ApiError(
      'Forbidden',
      `namespaces ${JSON.stringify(name)} is forbidden: this namespace may not be deleted`,
      { details: { name, kind: 'namespaces' } },
    );
  }
}

function checkNamespace(live: LiveCollection, { type, namespace, name }: ObjectRef): void {
  const item = live.items.get(namespace);
  if (item === undefined) throw notFound(namespacesResource, namespace);
  if (!item.deleting) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const subject = name === '' ? groupResource(type) : `${groupResource(type)} ${quoteGo(name)}`;
  throw new ApiError('Forbidden', `${subject} is forbidden: ${why}`, {
    details: {
      ...(name !== '' && { name }),
      group: type.group,
      kind: type.resource,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
