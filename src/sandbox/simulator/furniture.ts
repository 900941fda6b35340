/** What every cluster puts into every namespace. */
import { isApiError } from '../../kube/status.ts';
import type { Followed } from './followed.ts';

export interface FurnitureParts {
  readonly namespaces: Followed;
  readonly serviceAccounts: Followed;
  readonly configMaps: Followed;
}

const certificate = '-----BEGIN CERTIFICATE-----\nsandbox\n-----END CERTIFICATE-----\n';

export async function furnish(parts: FurnitureParts, name: string): Promise<void> {
  const namespace = parts.namespaces.get(name);
  if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
  await ensure(parts.serviceAccounts, { metadata: { name: 'default', namespace: name } });
  await ensure(parts.configMaps, {
    metadata: { name: 'kube-root-ca.crt', namespace: name },
    data: { 'ca.crt': certificate },
  });
}

async function ensure(
  followed: Followed,
  object: Parameters<Followed['create']>[0],
): Promise<void> {
  const { namespace, name } = object.metadata;
  if (followed.get(`${namespace}/${name}`) !== undefined) return;
  try {
    await followed.create(object);
  } catch (error) {
    // There already, or the namespace has begun to go.
    if (isApiError(error, 'AlreadyExists') || isApiError(error, 'Forbidden')) return;
    if (isApiError(error, 'NotFound')) return;
    throw error;
  }
}
