/** How objects of a custom kind get from the version that is stored into another, and back. */
import { applyDefaults } from '../../kube/defaults.ts';
import type { KubeObject } from '../../kube/object.ts';
import { apiVersionOf, type ResourceType } from '../../kube/resource.ts';
import type { TypeSchema } from '../../kube/schema.ts';
import { settle } from '../../kube/validate.ts';
import type { Conversion } from '../conversions.ts';
import type { ConversionCalls } from './conversion-calls.ts';
import type { CustomKind } from './custom-kind.ts';

/** `calls` undefined: webhooks are not called here, and what needs one is refused. */
export function customConversion(
  kind: CustomKind,
  served: { readonly type: ResourceType; readonly schema: TypeSchema },
  calls: ConversionCalls | undefined,
): Conversion {
  const apiVersion = apiVersionOf(served.type);
  const storedAs = apiVersionOf({ group: served.type.group, version: kind.storage });
  const to = (wanted: string) => async (objects: readonly KubeObject[]) => {
    if (kind.webhook === undefined || calls === undefined)
      return objects.map((object) => ({ ...object, apiVersion: wanted }));
    return await calls.convert(kind.webhook, objects, wanted);
  };
  const [toServed, toStored] = [to(apiVersion), to(storedAs)];
  return {
    stored: kind.storage,
    async toServed(objects) {
      const converted = await toServed(objects);
      return converted.map((object) => applyDefaults(served.schema, settle(served.schema, object)));
    },
    toStored,
  };
}
