/** Custom kinds made on a federation and on a real kube-apiserver beside it. */
import { waitUntil } from '../../testbed/waiting.ts';
import type { JsonObject } from '../kube/object.ts';
import type { OwnAndReal, Sent } from './own-and-real.fixture.ts';

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface WidgetOptions {
  readonly group?: string;
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly names?: JsonObject;
  /** Beside `name`, `served`, `storage` and `schema` of version v1. */
  readonly version?: JsonObject;
  readonly spec?: JsonObject;
}

/** A CustomResourceDefinition of widgets with one version v1. */
export function widgets(schema: JsonObject, options: WidgetOptions = {}): JsonObject {
  const { group = 'example.com', scope = 'Namespaced', names, version, spec } = options;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope,
      names: { plural: 'widgets', kind: 'Widget', ...names },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...version,
        },
      ],
      ...spec,
    },
  };
}

export function widget(name: string, spec: JsonObject, group = 'example.com'): JsonObject {
  return { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name }, spec };
}

export function widgetsPath(group = 'example.com', version = 'v1'): string {
  return `/apis/${group}/${version}/namespaces/default/widgets`;
}

export function post(path: string, body: JsonObject): Sent {
  return { method: 'POST', path, body };
}

/** Creates the definition on both sides, and waits until both serve its kind. */
export async function define(both: OwnAndReal, definition: JsonObject): Promise<void> {
  const { name } = definition.metadata as { name: string };
  await both.same(`define ${name}`, post(definitionsPath, definition));
  const spec = definition.spec as { group: string; versions: { name: string }[] };
  const path = `/apis/${spec.group}/${spec.versions[0]!.name}/${name.split('.', 1)[0]}`;
  for (const send of [both.ours, both.real])
    await waitUntil({
      what: `${name} to be served, ${JSON.stringify(both.differences.at(-1))}`,
      check: async () => (await send({ path })).status === 200,
    });
}

export async function undefine(both: OwnAndReal, definition: JsonObject): Promise<void> {
  const { name } = definition.metadata as { name: string };
  const path = `${definitionsPath}/${name}`;
  await both.same(`delete ${name}`, { method: 'DELETE', path });
  for (const send of [both.ours, both.real])
    await waitUntil({
      what: `${name} to go`,
      check: async () => (await send({ path })).status === 404,
    });
}
