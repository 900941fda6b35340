/** A custom kind from its definition to its objects in two clusters, and away again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';

const definition = (group: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.${group}}
spec:
  group: ${group}
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What is to be done, and when.
            required: [cronSpec]
            x-kubernetes-validations:
            - {rule: "self.replicas <= self.maxReplicas", message: "replicas is above maxReplicas"}
            properties:
              cronSpec: {type: string, description: As crontab(5) has it., pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'}
              replicas: {type: integer, default: 1}
              maxReplicas: {type: integer, default: 10}
          status: {type: object, properties: {replicas: {type: integer}}}
`;

const object = (group: string, name: string, spec: string): string => `
apiVersion: ${group}/v1
kind: CronTab
metadata: {name: ${name}, namespace: default}
spec: ${spec}
`;

test('a custom kind goes to the clusters, then its objects', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const fleet = await startFleet({
    members: [
      { name: 'one', full: false },
      { name: 'two', full: false },
    ],
  });
  t.after(() => fleet.stop());
  const served = await ServedFederation.start();
  t.after(() => served.stop());
  for (const member of fleet.members) await served.join(member);
  const apply = (input: string) => served.kubectlWith({ args: ['apply', '-f', '-'], input });
  const group = 'stable.example.com';

  // At once: nothing is waited for between the two.
  const defined = await apply(definition(group));
  assert.equal(defined.code, 0, defined.stderr);
  const made = await apply(object(group, 'daily', '{cronSpec: "0 0 * * *", maxReplicas: 5}'));
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout.trim(), `crontab.${group}/daily created`);

  const refused = await apply(
    object(group, 'many', '{cronSpec: "0 0 * * *", replicas: 9, maxReplicas: 5}'),
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /spec: Invalid value: .*replicas is above maxReplicas/);

  const got = await served.kubectl('get', 'ct', '--no-headers');
  assert.match(got.stdout, /^daily\s+0 0 \* \* \*\s+1\s*$/m);
  const explained = await served.kubectl('explain', 'crontab.spec.cronSpec');
  assert.match(explained.stdout, /As crontab\(5\) has it\./);
  assert.match((await served.kubectl('get', 'all')).stdout, /crontab.stable.example.com\/daily/);
  const scaled = await served.kubectl('scale', 'ct/daily', '--replicas=3');
  assert.equal(scaled.code, 0, scaled.stderr);

  const definitions = () =>
    Promise.all(fleet.members.map((member) => member.kubectl('get', 'crd', `crontabs.${group}`)));
  await waitUntil({
    what: 'the definition in both clusters',
    check: async () => (await definitions()).every(({ code }) => code === 0),
  });
  // A kind that can be scaled is in one cluster unless somebody asks for more.
  await waitUntil({
    what: 'the object in one of the clusters',
    check: async () => {
      const copies = await Promise.all(
        fleet.members.map((member) =>
          member.kubectl('get', 'crontab', 'daily', '-o', 'jsonpath={.spec.replicas}'),
        ),
      );
      return copies.filter(({ stdout }) => stdout === '3').length === 1;
    },
  });

  // A kind that only a cluster has is served, too.
  const local = await fleet
    .member('two')
    .kubectlWith(definition('local.example.com'), 'apply', '-f', '-');
  assert.equal(local.code, 0, local.stderr);
  await waitUntil({
    what: 'the kind of one cluster',
    check: async () => (await served.kubectl('get', 'crontabs.local.example.com')).code === 0,
  });

  const gone = await served.kubectl('delete', 'crd', `crontabs.${group}`);
  assert.equal(gone.code, 0, gone.stderr);
  await waitUntil({
    what: 'the definition gone from both clusters',
    check: async () => (await definitions()).every(({ code }) => code !== 0),
  });
});
