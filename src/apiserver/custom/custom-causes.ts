/** What custom objects are refused for beyond their schema: rules in CEL, scale's numbers. */
import { CustomRules } from '../../kube/custom-rules.ts';
import { goText, goTypeOf } from '../../kube/go-text.ts';
import { labelKeyProblems } from '../../kube/label-syntax.ts';
import { isObject, type Json, type KubeObject } from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { StatusCause } from '../../kube/status.ts';
import { fieldOf } from '../../kube/typed.ts';
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

/** Names of new finalizers that may meet those of somebody else. */
export function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata.finalizers ?? []);
  const added = (object.metadata.finalizers ?? []).filter((name) => !before.has(name));
  return [...new Set(added)].sort().flatMap((name) => {
    const why = labelKeyProblems(name);
    if (!name.includes('/') && !standardFinalizers.has(name))
      why.push(
        `prefer a domain-qualified finalizer name ${name.includes('.') ? 'including a path (/) ' : ''}` +
          'to avoid accidental conflicts with other finalizer writers',
      );
    return why.map((text) => `metadata.finalizers: ${quoteGo(name)}: ${text}`);
  });
}

const standardFinalizers: ReadonlySet<string> = new Set([
  ...['kubernetes', 'orphan', 'foregroundDeletion'],
]);

const mostReplicas = 2 ** 31 - 1;

function scaleCauses({ scale }: CustomFacts['version'], object: KubeObject): StatusCause[] {
  if (scale === undefined) return [];
  const causes: StatusCause[] = [];
  for (const path of [scale.specReplicas, scale.statusReplicas]) {
    const field = `.${path.join('.')}`;
    const value = accessed(object, path, 'int64');
    if (value === undefined) continue;
    if (isObject(value)) causes.push(invalidValue(field, 0, String(value.problem)));
    else if (Number(value) < 0)
      causes.push(invalidValue(field, value, 'should be a non-negative integer'));
    else if (Number(value) > mostReplicas) {
      const why = `should be less than or equal to ${mostReplicas}`;
      causes.push(invalidValue(field, value, why));
    }
  }
  if (scale.selector !== undefined) {
    const value = accessed(object, scale.selector, 'string');
    if (isObject(value))
      causes.push(invalidValue(`.${scale.selector.join('.')}`, '', String(value.problem)));
  }
  return causes;
}

/** A value of this Go type at a path, or why there can be none; undefined: nothing is there. */
function accessed(
  object: KubeObject,
  path: readonly string[],
  wanted: 'int64' | 'string',
): number | bigint | string | { readonly problem: string } | undefined {
  let value = object as unknown as Json;
  for (const [i, name] of path.entries()) {
    if (value === null) return undefined;
    if (!isObject(value)) return misplaced(path.slice(0, i), value, 'map[string]interface{}');
    const inner = fieldOf(value, name);
    if (inner === undefined) return undefined;
    value = inner;
  }
  if (goTypeOf(value) !== wanted) return misplaced(path, value, wanted);
  return value as number | bigint | string;
}

function misplaced(path: readonly string[], found: Json, wanted: string): { problem: string } {
  const at = `.${path.join('.')}`;
  const is = `${goText(found)} is of the type ${goTypeOf(found)}`;
  return { problem: `${at} accessor error: ${is}, expected ${wanted}` };
}
