/** Members that do not serve the same types: a CRD in one of them, an older Kubernetes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { Joined } from './joined.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';

interface Version {
  readonly name: string;
  readonly storage?: boolean;
  readonly unserved?: boolean;
}

function crd(plural: string, kind: string, versions: readonly Version[]): object {
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { size: { type: 'string' }, gears: { type: 'integer' } },
      },
      status: {
        type: 'object',
        properties: {
          ready: { type: 'integer' },
          phase: { type: 'string' },
          conditions: {
            type: 'array',
            items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map(({ name, storage = false, unserved = false }) => ({
        name,
        served: !unserved,
        storage,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
      })),
    },
  };
}

const v1 = { name: 'v1', storage: true };
const at = { namespace: 'default' };

describe('types that members do not share', {
  skip: !required && !membersAvailable('bare', 'older'),
}, () => {
  let joined: Joined;

  before(async () => {
    joined = await Joined.start([
      { name: 'new', full: false },
      { name: 'old', full: false, older: true },
    ]);
  });

  after(() => joined?.stop());

  test('a CRD that one member has is served here, its objects go there', async (t) => {
    await joined.in('new', 'apply -f -', crd('gadgets', 'Gadget', [v1]));
    const served = ['get', '--raw', '/apis/example.com/v1'];
    const started = performance.now();
    await joined.until(served, /"gadgets"/);
    t.diagnostic(`served after ${Math.round(performance.now() - started)} ms`);
    const gadget = (size: string): object => ({
      apiVersion: 'example.com/v1',
      kind: 'Gadget',
      metadata: { name: 'one', namespace: 'default' },
      spec: { size },
    });
    await joined.apply(gadget('large'));
    await joined.untilIn('new', 'get gadget one -o jsonpath={.spec.size}', 'large');
    await joined.entry(
      'one.gadgets.example.com',
      { ...at, cluster: 'new', field: 'state' },
      'Synced',
    );
    await joined.entry(
      'one.gadgets.example.com',
      { ...at, cluster: 'old', field: 'reason' },
      'NotServed',
    );
    const message = { ...at, cluster: 'old', field: 'message' };
    await joined.entry(
      'one.gadgets.example.com',
      message,
      /cluster old does not serve gadgets\.example\.com in version v1/,
    );

    // What its controller says of it is seen on the template.
    const status = { status: { ready: 3, phase: 'Up', conditions: [condition('Ready', 'True')] } };
    await joined.in('new', [
      ...['patch', 'gadget', 'one', '--type=merge', '--subresource=status'],
      ...['-p', JSON.stringify(status)],
    ]);
    await joined.until('get gadget one -o jsonpath={.status.phase}/{.status.ready}', 'Up/3');

    // The other member gets the type: the object follows.
    await joined.in('old', 'apply -f -', crd('gadgets', 'Gadget', [v1]));
    await joined.untilIn('old', 'get gadget one -o jsonpath={.spec.size}', 'large');
    await joined.entry(
      'one.gadgets.example.com',
      { ...at, cluster: 'old', field: 'state' },
      'Synced',
    );
    const other = {
      status: { ready: 4, phase: 'Down', conditions: [condition('Ready', 'False')] },
    };
    await joined.in('old', [
      ...['patch', 'gadget', 'one', '--type=merge', '--subresource=status'],
      ...['-p', JSON.stringify(other)],
    ]);
    // Counts are summed, what differs is not said, a condition is True only where it is everywhere.
    const summed =
      'get gadget one -o jsonpath={.status.ready}/{.status.phase}/{.status.conditions[0].status}';
    await joined.until(summed, '7//False');

    await joined.apply(gadget('small'));
    for (const member of ['new', 'old']) {
      await joined.untilIn(member, 'get gadget one -o jsonpath={.spec.size}', 'small');
    }
    await joined.kubectl('delete gadget one');
    for (const member of ['new', 'old']) await joined.untilIn(member, 'get gadgets -o name', '');
  });

  test('a CRD that the federation has goes to all, and so do its objects', async () => {
    await joined.apply(crd('widgets', 'Widget', [v1]));
    await joined.until(['get', '--raw', '/apis/example.com/v1'], /"widgets"/);
    await joined.apply({
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'one', namespace: 'default' },
      spec: { gears: 4 },
    });
    for (const member of ['new', 'old']) {
      await joined.untilIn(member, 'get widget one -o jsonpath={.spec.gears}', '4');
    }
  });

  test('a version of a CRD that one member lacks: what it means is said', async () => {
    await joined.in(
      'new',
      'apply -f -',
      crd('levers', 'Lever', [{ name: 'v2', storage: true }, { name: 'v1' }]),
    );
    await joined.in('old', 'apply -f -', crd('levers', 'Lever', [v1]));
    await joined.until(['get', '--raw', '/apis/example.com/v1'], /"levers"/);
    await joined.apply({
      apiVersion: 'example.com/v1',
      kind: 'Lever',
      metadata: { name: 'one', namespace: 'default' },
      spec: { size: 'long' },
    });
    await joined.untilIn('new', 'get lever one -o jsonpath={.spec.size}', 'long');
    // The stored version is the one that the newest member prefers; equal ones are interchangeable.
    await joined.untilIn('old', 'get lever one -o jsonpath={.apiVersion}', 'example.com/v1');
    const lever = { ...at, cluster: 'old' };
    await joined.entry('one.levers.example.com', { ...lever, field: 'state' }, 'Synced');
    await joined.kubectl([
      'patch',
      'lever',
      'one',
      '--type=merge',
      '-p',
      '{"spec":{"size":"short"}}',
    ]);
    await joined.untilIn('old', 'get lever one -o jsonpath={.spec.size}', 'short');
    await joined.in('old', [
      'patch',
      'lever',
      'one',
      '--type=merge',
      '-p',
      '{"spec":{"size":"x"}}',
    ]);
    await joined.untilIn('old', 'get lever one -o jsonpath={.spec.size}', 'short');
    await joined.kubectl('delete lever one');
    for (const member of ['new', 'old']) await joined.untilIn(member, 'get levers -o name', '');
  });

  test('a version of another structure is not written: that is said too', async () => {
    const other = crd('pulleys', 'Pulley', [v1]) as { spec: { versions: { schema: unknown }[] } };
    other.spec.versions[0]!.schema = {
      openAPIV3Schema: { type: 'object', properties: { rope: { type: 'string' } } },
    };
    await joined.in('new', 'apply -f -', crd('pulleys', 'Pulley', [{ name: 'v2', storage: true }]));
    await joined.in('old', 'apply -f -', other);
    await joined.until(['get', '--raw', '/apis/example.com/v2'], /"pulleys"/);
    await joined.apply({
      apiVersion: 'example.com/v2',
      kind: 'Pulley',
      metadata: { name: 'one', namespace: 'default' },
      spec: { size: 'long' },
    });
    await joined.untilIn('new', 'get pulley one -o jsonpath={.spec.size}', 'long');
    const pulley = { ...at, cluster: 'old' };
    await joined.entry('one.pulleys.example.com', { ...pulley, field: 'reason' }, 'NotServed');
    await joined.kubectl('delete pulley one --timeout=150s');
    await joined.untilIn('new', 'get pulleys -o name', '');
  });

  test('a CRD is not taken away while strangers use it, in whatever version', async () => {
    const versions = [{ name: 'v1alpha1', unserved: true }, v1];
    await joined.apply(crd('knobs', 'Knob', versions));
    for (const member of ['new', 'old']) {
      await joined.untilIn(member, ['get', '--raw', '/apis/example.com/v1'], /"knobs"/);
    }
    const metadata = { name: 'theirs', namespace: 'default' };
    await joined.in('old', 'apply -f -', { apiVersion: 'example.com/v1', kind: 'Knob', metadata });
    await joined.kubectl('delete crd knobs.example.com --timeout=150s');
    await joined.untilIn('new', 'get crd -o name', /^(?!.*knobs)/);
    const knobs = 'knobs.example.com.customresourcedefinitions.apiextensions.k8s.io';
    await joined.entry(knobs, { cluster: 'old', field: 'message' }, /knobs\.example\.com theirs/);
    assert.match(await joined.in('old', 'get knobs -o name'), /knob\.example\.com\/theirs/);
  });

  test('an older member gets what it knows, the rest is listed as altered', async () => {
    const { stdout } = await joined.tried([
      'get',
      'clusters',
      '-o',
      'jsonpath={.items[*].status.version}',
    ]);
    assert.match(stdout, /^v1\.37\.\d+ v1\.34\.\d+$/);
    await joined.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'both', namespace: 'default' },
      data: { a: 'b' },
    });
    for (const member of ['new', 'old']) {
      await joined.untilIn(member, 'get cm both -o jsonpath={.data.a}', 'b');
    }
    // A kind that the older one does not serve.
    await joined.apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'none.example.com' },
      spec: {
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['none.example.com'],
              apiVersions: ['v1'],
              operations: ['CREATE'],
              resources: ['nones'],
            },
          ],
        },
        reinvocationPolicy: 'Never',
        mutations: [
          {
            patchType: 'JSONPatch',
            jsonPatch: { expression: '[JSONPatch{op: "add", path: "/spec/a", value: 1}]' },
          },
        ],
      },
    });
    const policy = 'none.example.com.mutatingadmissionpolicies.admissionregistration.k8s.io';
    await joined.untilIn('new', 'get mutatingadmissionpolicies -o name', /none\.example\.com/);
    await joined.entry(policy, { cluster: 'new', field: 'state' }, 'Synced');
    await joined.entry(policy, { cluster: 'old', field: 'reason' }, 'NotServed');
    await joined.kubectl('delete mutatingadmissionpolicy none.example.com');
    await joined.untilIn('new', 'get mutatingadmissionpolicies -o name', '');
  });
});

function condition(type: string, status: string): object {
  return {
    type,
    status,
    reason: 'Tested',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
}
