/** Conditions as kinds keep them in `status.conditions`. */
import { type KubeObject, valueAt } from './object.ts';

/** 'True', 'False' or 'Unknown'; undefined when the object does not tell of that condition. */
export function conditionStatus(object: KubeObject | undefined, type: string): string | undefined {
  const conditions = valueAt(object, 'status', 'conditions');
  if (!Array.isArray(conditions)) return undefined;
  const found = conditions.find((condition) => valueAt(condition, 'type') === type);
  return found === undefined ? undefined : String(valueAt(found, 'status'));
}
