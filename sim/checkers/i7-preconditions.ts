/** I7: a write to something that stands says which object it means, and which version of it. */
import { valueAt } from '../../src/kube/object.ts';
import { type Checker, isOwn } from './checker.ts';

export function preconditions(): Checker {
  return {
    name: 'I7',
    onRequest({ cluster, method, path, target, body }, world) {
      if (method === 'POST' || isOwn(target)) return;
      const holder = method === 'DELETE' ? 'preconditions' : 'metadata';
      const missing = ['uid', 'resourceVersion'].filter(
        (field) => typeof valueAt(body, holder, field) !== 'string',
      );
      if (missing.length === 0) return;
      world.violation('I7', `${method} ${path} in ${cluster} without ${missing.join(' and ')}`);
    },
  };
}
