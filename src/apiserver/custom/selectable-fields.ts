/** Fields that a definition calls selectable, judged in kube-apiserver's words. Pure. */
import { isObject, type Json, type JsonObject, objectAt } from '../../kube/object.ts';
import type { StatusCause } from '../../kube/status.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';

const fieldsMax = 8;
const types: readonly unknown[] = ['string', 'boolean', 'integer'];

/** `at`: where the list of fields stands in the definition. */
export function selectableCauses(
  fields: readonly Json[],
  schema: JsonObject,
  at: string,
): StatusCause[] {
  const causes: StatusCause[] = [];
  const seen = new Set<string>();
  for (const [i, each] of fields.entries()) {
    const field = `${at}[${i}].jsonPath`;
    const path = isObject(each) && typeof each.jsonPath === 'string' ? each.jsonPath : '';
    if (path === '') {
      causes.push(requiredValue(field));
      continue;
    }
    const found = follow(path, schema);
    if (typeof found === 'string') {
      causes.push(invalidValue(field, path, `is an invalid path: ${found}`));
      continue;
    }
    if (/^\.metadata(\.|$)/.test(path))
      causes.push(invalidValue(field, path, 'must not point to fields in metadata'));
    if (!types.includes(found.type)) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings ' +
        'with formats are allowed.';
      causes.push(invalidValue(field, path, why));
    }
    if (seen.has(path))
      causes.push({
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(path)}`,
        field,
      });
    seen.add(path);
  }
  if (seen.size > fieldsMax)
    causes.push({
      reason: 'FieldValueTooMany',
      message: `Too many: ${seen.size}: must have at most ${fieldsMax} items`,
      field: at,
    });
  return causes;
}

/** The schema at the path, or why there is none. */
function follow(path: string, schema: JsonObject): JsonObject | string {
  const tokens = path.match(/[.[\]]|[^.[\]]+/g) ?? [];
  let at = schema;
  for (let i = 0; i < tokens.length; i += 2) {
    const token = tokens[i]!;
    if (token === '[') return 'array notation is not allowed';
    if (token !== '.') return `expected [ or . but got: ${token}`;
    const name = tokens[i + 1];
    if (name === undefined) return 'unexpected end of JSON path';
    const properties = objectAt(at, 'properties');
    const next =
      properties === undefined
        ? objectAt(at, 'additionalProperties')
        : Object.hasOwn(properties, name) && objectAt(properties, name);
    if (!next) return 'does not refer to a valid field';
    at = next;
  }
  return at;
}
