/**
 * Names with `@` belong to members: until members' objects are served here, asking for one says so.
 */
import type { Backend, ObjectRef } from '../apiserver/backend.ts';
import { groupResource } from '../kube/resource.ts';
import { ApiError } from '../kube/status.ts';

/** RBAC names may hold an @ of their own. */
const rbac = 'rbac.authorization.k8s.io';

/** The backend, with a clear word for names that no object of the federation can have. */
export function refusingMemberNames(
  backend: Backend,
  isCluster: (name: string) => boolean,
): Backend {
  const check = (ref: ObjectRef): void => {
    const at = ref.name.lastIndexOf('@');
    if (at < 0 || ref.type.group === rbac) return;
    const cluster = ref.name.slice(at + 1);
    const what = `${groupResource(ref.type)} ${JSON.stringify(ref.name)} not found`;
    const why = isCluster(cluster)
      ? `objects of a member are not served here yet; ask cluster ${cluster} itself`
      : `no cluster ${JSON.stringify(cluster)} is joined (see: kubectl get clusters)`;
    throw new ApiError('NotFound', `${what}: ${why}`, {
      details: { name: ref.name, group: ref.type.group, kind: ref.type.resource },
    });
  };
  return {
    get: async (context, ref, options) => {
      check(ref);
      return backend.get(context, ref, options);
    },
    list: (context, request) => backend.list(context, request),
    watch: (context, request) => backend.watch(context, request),
    create: async (context, ref, body, options) => {
      check(ref);
      return backend.create(context, ref, body, options);
    },
    update: async (context, ref, body, options) => {
      check(ref);
      return backend.update(context, ref, body, options);
    },
    patch: async (context, ref, patch, options) => {
      check(ref);
      return backend.patch(context, ref, patch, options);
    },
    delete: async (context, ref, options) => {
      check(ref);
      return backend.delete(context, ref, options);
    },
    deleteCollection: (context, request, options) =>
      backend.deleteCollection(context, request, options),
  };
}
