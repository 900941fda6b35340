/** I1: nothing unmarked is ever touched; strangers stay as their owners wrote them, to the byte. */
import { unchanging } from '../faults.ts';
import { type Checker, isOwn, markIn } from './checker.ts';

export function strangers(): Checker {
  return {
    name: 'I1',
    onAnswer({ cluster, method, path, target, before }, status, world) {
      if (status >= 300 || before === undefined || isOwn(target)) return;
      if (markIn(world, cluster, before) !== undefined) return;
      world.violation('I1', `${method} ${path} in ${cluster} touched a stranger's object`);
    },
    atRest(world, faults) {
      return [...faults.strangers].flatMap(([place, written]) => {
        const [cluster = '', key = ''] = place.split(' ');
        const now = unchanging(world.members.get(cluster)!.mirror.get(key));
        return now === written ? [] : [`the stranger's ${key} in ${cluster} is now ${now}`];
      });
    },
  };
}
