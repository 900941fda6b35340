/** What kube-apiserver fills into policies and bindings before it judges them. */
import { isObject, type JsonObject, type KubeObject } from '../../kube/object.ts';
import { objectsOf } from './field-check.ts';

/** `match` names the field of the spec that says which writes are meant. */
export function withPolicyDefaults(
  object: KubeObject,
  match: 'matchConstraints' | 'matchResources',
): KubeObject {
  const spec = object['spec'];
  if (!isObject(spec)) return object;
  const filled: JsonObject = { ...spec };
  if (match === 'matchConstraints') filled['failurePolicy'] ??= 'Fail';
  const given = spec[match];
  if (isObject(given)) {
    const resources: JsonObject = {
      ...{ matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} },
      ...given,
    };
    for (const list of ['resourceRules', 'excludeResourceRules'])
      if (Array.isArray(given[list]))
        resources[list] = objectsOf(given[list]).map((rule) => ({ scope: '*', ...rule }));
    filled[match] = resources;
  }
  return { ...object, spec: filled };
}
