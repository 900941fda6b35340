import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Column } from '../api/kind.ts';
import type { KubeObject } from '../kube/object.ts';
import { parseApiVersion, type ResourceType } from '../kube/resource.ts';
import { humanDuration } from './printers/format.ts';
import { parseJsonPath } from './printers/json-path.ts';
import samples from './printers/samples.json' with { type: 'json' };
import { Tables } from './tables.ts';

function typeOf(object: { apiVersion: string; kind: string }): ResourceType {
  return {
    ...parseApiVersion(object.apiVersion),
    kind: object.kind,
    resource: `${object.kind.toLowerCase()}s`,
    singular: object.kind.toLowerCase(),
    listKind: `${object.kind}List`,
    namespaced: true,
    verbs: ['get', 'list'],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}

function tablesWith(columns?: readonly Column[]): Tables {
  return new Tables({
    lookup: () => undefined,
    backendFor: () => {
      throw new Error('no backend here');
    },
    columnsFor: () => columns,
  });
}

test('every sample object has the cells that the real printers gave it', () => {
  const tables = tablesWith();
  for (const { object, cells, ...rest } of samples.samples) {
    const type = typeOf(object);
    const shape = tables.shapeOf(type, type);
    const row = shape.row(object as unknown as KubeObject, { now: samples.now, among: undefined });
    assert.deepEqual(row.cells, cells, JSON.stringify(object));
    assert.deepEqual(row.conditions, 'conditions' in rest ? rest.conditions : undefined);
  }
});

test('durations read as kubectl writes them', () => {
  for (const { seconds, text } of samples.durations)
    assert.equal(humanDuration(seconds * 1000), text, `${seconds} s`);
});

test('the default storage class is marked in lists only', () => {
  const object: KubeObject = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: 'fast',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
  };
  const type = typeOf(object);
  const shape = tablesWith().shapeOf(type, type);
  assert.equal(shape.row(object, { now: 0, among: [object] }).cells[0], 'fast (default)');
  assert.equal(shape.row(object, { now: 0, among: undefined }).cells[0], 'fast');
});

test('declared columns take their values from JSONPaths, with nothing where nothing is', () => {
  const column = (type: Column['type'], jsonPath: string): Column => ({
    name: jsonPath,
    type,
    description: '',
    priority: 0,
    jsonPath,
  });
  const shape = tablesWith([
    column('string', '.spec.names'),
    column('integer', '.spec.replicas'),
    column('boolean', '.spec.on'),
    column('date', '.metadata.creationTimestamp'),
    column('string', '.status.conditions[?(@.type=="Ready")].status'),
    column('string', '.spec.absent'),
    column('integer', '.spec.absent'),
    column('string', 'not a path'),
  ]);
  const object: KubeObject = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { names: ['a', 'b'], replicas: 3.7, on: true },
    status: {
      conditions: [
        { type: 'X', status: 'no' },
        { type: 'Ready', status: 'True' },
      ],
    },
  };
  const type = typeOf(object);
  const row = shape.shapeOf(type, type).row(object, {
    now: Date.parse('2026-01-01T00:05:00Z'),
    among: undefined,
  });
  assert.deepEqual(row.cells, ['w', '["a","b"]', 3, true, '5m', 'True', null, null, null]);
});

test('a kind that nobody knows columns for has a name and an age', () => {
  const object = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' } };
  const type = typeOf(object);
  const shape = tablesWith().shapeOf(type, type);
  assert.deepEqual(
    shape.columns.map((each) => each.name),
    ['Name', 'Age'],
  );
  assert.deepEqual(shape.row(object, { now: 0, among: undefined }).cells, ['w', '<unknown>']);
});

test('JSONPaths find fields, indexes, wildcards and filtered entries', () => {
  const value = { a: { 'b.c': [{ x: 1 }, { x: 2, y: 'z' }] }, __proto__: null };
  const found = (path: string) => parseJsonPath(path)?.(value);
  assert.deepEqual(found('.a.b\\.c[0].x'), [1]);
  assert.deepEqual(found(".a['b.c'][-1].y"), ['z']);
  assert.deepEqual(found('.a["b.c"][*].x'), [1, 2]);
  assert.deepEqual(found(".a['b.c'][?(@.y=='z')].x"), [2]);
  assert.deepEqual(found(".a['b.c'][?(@.x!=1)].x"), [2]);
  assert.deepEqual(found(".a['b.c'][?(@.y)].x"), [2]);
  assert.deepEqual(found('.toString'), []);
  assert.equal(parseJsonPath('.a['), undefined);
});
