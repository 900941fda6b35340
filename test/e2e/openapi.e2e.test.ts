/** What kubectl, old and new, makes of the documents about kinds of all sorts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.docs.example.com}
spec:
  group: docs.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              cronSpec: {type: string, description: As crontab(5) has it.}
              days: {type: array, items: {type: integer}, x-kubernetes-list-type: set}
`;

const object = (spec: string): string => `
apiVersion: docs.example.com/v1
kind: CronTab
metadata: {name: daily, namespace: default}
spec: ${spec}
`;

test('kubectl explains and validates by OpenAPI v2 and v3', async (t) => {
  if (!(await requireMembers(t, 'older'))) return;
  const fleet = await startFleet({ members: [{ name: 'one', full: false }] });
  t.after(() => fleet.stop());
  const served = await ServedFederation.start();
  t.after(() => served.stop());
  await served.join(fleet.members[0]!);
  const defined = await served.kubectlWith({ args: ['apply', '-f', '-'], input: definition });
  assert.equal(defined.code, 0, defined.stderr);
  await waitUntil({
    what: 'Deployments to be served',
    check: async () => (await served.kubectl('get', 'deployments,crontabs')).code === 0,
  });
  for (const older of [false, true]) {
    const run = (args: readonly string[], input?: string) =>
      served.kubectlWith({ args, older, ...(input === undefined ? {} : { input }) });
    for (const output of ['plaintext', 'plaintext-openapiv2'])
      for (const [what, expected] of [
        ['crontab.spec.cronSpec', /As crontab\(5\) has it\./],
        ['deployment.spec.replicas', /Number of desired pods\./],
        ['clusters.ubernetes.dev', /(KIND|DESCRIPTION): +/],
      ] as const) {
        const explained = await run(['explain', what, `--output=${output}`]);
        assert.match(explained.stdout, expected, `${what} ${output} ${explained.stderr}`);
      }
    const apply = ['apply', '--validate=strict', '-f', '-'];
    for (const spec of ['{cronSpec: "1", days: [1]}', `{cronSpec: "${older}", days: [2]}`]) {
      const applied = await run(apply, object(spec));
      assert.equal(applied.code, 0, applied.stderr);
    }
    const refused = await run(apply, object('{wrong: 1}'));
    assert.match(refused.stderr, /unknown field "spec.wrong"/);
    const deployment = await run(['create', 'deployment', 'x', '--image=x', '--dry-run=server']);
    assert.equal(deployment.code, 0, deployment.stderr);
  }
});
