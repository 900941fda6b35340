/** What custom objects are refused for beyond their schema: rules in CEL, scale's numbers. */
import { CustomRules } from '../../kube/custom-rules.ts';
import { type KubeObject, valueAt } from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import type { CustomFacts } from './custom-kinds.ts';

/** Whoever finds these cannot go on judging: rules rely on them. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
]);

/** `causes`: what the schema has found already. */
export function customCauses(
  { version }: CustomFacts,
  written: {
    readonly object: KubeObject;
    readonly old: KubeObject | undefined;
    readonly causes: readonly StatusCause[];
  },
  warn: (text: string) => void,
): StatusCause[] {
  const { object, old, causes } = written;
  const scale = scaleCauses(version, object);
  const rules = CustomRules.of(version.schema);
  if (rules.empty) return scale;
  if (causes.some(({ reason }) => blocking.has(reason ?? '')))
    return [
      ...scale,
      {
        reason: 'FieldValueInvalid',
        message:
          'Invalid value: null: some validation rules were not checked because the object was ' +
          'invalid; correct the existing errors to complete validation',
        field: '<nil>',
      },
    ];
  return [...scale, ...rules.check(object, old, warn)];
}

const mostReplicas = 2 ** 31 - 1;

function scaleCauses({ scale }: CustomFacts['version'], object: KubeObject): StatusCause[] {
  if (scale === undefined) return [];
  const causes: StatusCause[] = [];
  for (const path of [scale.specReplicas, scale.statusReplicas]) {
    const field = `.${path.join('.')}`;
    const value = valueAt(object, ...path);
    if (value === undefined) continue;
    if (typeof value !== 'number' && typeof value !== 'bigint') {
      const is = typeof value === 'string' ? 'string' : typeof value;
      const shown = String(value);
      const why = `${field} accessor error: ${shown} is of the type ${is}, expected int64`;
      causes.push(invalidValue(field, 0, why));
    } else if (value < 0)
      causes.push(invalidValue(field, value, 'should be a non-negative integer'));
    else if (value > mostReplicas) {
      const why = `should be less than or equal to ${mostReplicas}`;
      causes.push(invalidValue(field, value, why));
    }
  }
  return causes;
}
