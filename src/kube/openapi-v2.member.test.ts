import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { type JsonObject, objectAt, valueAt } from './object.ts';
import { swaggerOf } from './openapi-v2.ts';

const documents = ['api/v1', 'apis/apps/v1', 'apis/apiextensions.k8s.io/v1', 'apis/batch/v1'];
/** Which groups they were found in depends on the document. */
const shared = /\.meta\.v1\.(DeleteOptions|WatchEvent)$/;

test('made of its OpenAPI v3, v2 is what a real kube-apiserver publishes', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const fleet = await startFleet({ members: [{ name: 'real', full: false }] });
  t.after(() => fleet.stop());
  const { client } = fleet.member('real');
  const read = async (path: string) => (await client.must({ path })) as JsonObject;
  const real = await read('/openapi/v2');
  let compared = 0;
  for (const path of documents) {
    const { definitions, paths, parameters } = swaggerOf(await read(`/openapi/v3/${path}`));
    for (const [name, definition] of Object.entries(definitions)) {
      if (shared.test(name)) continue;
      assert.deepEqual(definition, valueAt(real, 'definitions', name), name);
      compared++;
    }
    for (const [name, item] of Object.entries(paths)) {
      // A list of what is there is no resource.
      if (name.endsWith('/')) continue;
      assert.deepEqual(sorted(item as JsonObject), sorted(objectAt(real, 'paths', name)!), name);
      compared++;
    }
    for (const [name, parameter] of Object.entries(parameters))
      assert.deepEqual(parameter, valueAt(real, 'parameters', name), name);
  }
  assert.ok(compared > 500, `${compared} compared`);
});

/** Without an order where there is none. */
function sorted(item: JsonObject): object {
  const nameOf = (one: JsonObject): string => String(one['$ref'] ?? one['name'] ?? one);
  const text = JSON.stringify(item, (key, value: unknown) =>
    ['consumes', 'produces', 'parameters'].includes(key) && Array.isArray(value)
      ? value.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
      : value,
  );
  return JSON.parse(text) as object;
}
