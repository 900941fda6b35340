import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import type { JsonObject } from '../kube/object.ts';
import {
  define,
  definitionsPath,
  post,
  undefine,
  widget,
  widgets,
  widgetsPath,
} from './custom-kinds.fixture.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

const schema: JsonObject = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1 },
        color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
        replicas: { type: 'integer' },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        pod: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, port: { type: 'integer', default: 80 } },
          },
        },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        note: { type: 'string', nullable: true },
        when: { type: 'string', format: 'date-time' },
      },
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
    },
  },
};

const columns = [
  { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
  { name: 'Color', type: 'string', jsonPath: '.spec.color', priority: 1, description: 'Its color' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

test('custom kinds as a real kube-apiserver serves them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const federation = await ownFederation();
  await using both = await OwnAndReal.start(federation);
  await serving(both);
  both.settle();
});

test('rules of custom kinds as a real kube-apiserver runs them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  await rules(both);
  both.settle();
});

const integer = { type: 'integer' };
const text = { type: 'string', maxLength: 50 };
const numbers = { type: 'array', maxItems: 10, items: integer };

/** Rules of a spec with a, b, s, list, map and port; what is created, and what it becomes. */
const ruled: readonly {
  readonly rules: readonly JsonObject[];
  readonly create: readonly JsonObject[];
  readonly update?: readonly JsonObject[];
}[] = [
  { rules: [{ rule: 'self.a <= self.b' }], create: [{ a: 2, b: 1 }, { a: 1 }, { a: 1, b: 2 }] },
  {
    rules: [{ rule: 'self.a <= self.b', message: 'a is above b', fieldPath: '.a' }],
    create: [{ a: 2, b: 1 }],
  },
  {
    rules: [
      {
        rule: 'self.a < 5',
        messageExpression: "'a with ' + self.s",
        reason: 'FieldValueForbidden',
      },
      { rule: "self.s != 'x'", reason: 'FieldValueRequired', message: 'no x', fieldPath: '.s' },
      { rule: 'self.b != 3', reason: 'FieldValueDuplicate' },
    ],
    create: [
      { a: 7, b: 1, s: 'y' },
      { a: 1, b: 1, s: 'x' },
      { a: 1, b: 3, s: 'y' },
      { a: 9, b: 3, s: 'x' },
    ],
  },
  {
    rules: [{ rule: 'self.a > 0', message: 'm', messageExpression: "self.s + ''" }],
    create: [{ a: 0 }, { a: 0, s: ' said ' }, { a: 0, s: '' }],
  },
  {
    rules: [{ rule: 'self.a >= oldSelf.a', message: 'a cannot shrink' }],
    create: [{ a: 3 }],
    update: [{ a: 4 }, { a: 2 }, { a: null }],
  },
  {
    rules: [{ rule: 'oldSelf.orValue(self).a <= self.a', optionalOldSelf: true }],
    create: [{ a: 3 }],
    update: [{ a: 2 }, { a: 5 }],
  },
  {
    rules: [{ rule: '!oldSelf.hasValue() || oldSelf.value().s == self.s', optionalOldSelf: true }],
    create: [{ s: 'a' }],
    update: [{ s: 'b' }, { a: 1 }],
  },
  { rules: [{ rule: 'self.list.all(x, x > 0)' }], create: [{ list: [1, 0] }, { list: [] }, {}] },
  {
    rules: [{ rule: "self.map.all(k, self.map[k] != 'x')" }],
    create: [{ map: { a: 'x' } }, { map: {} }],
  },
  { rules: [{ rule: 'self.list[5] == 1' }], create: [{ list: [1] }] },
  { rules: [{ rule: 'self.a / self.b == 1' }], create: [{ a: 1, b: 0 }] },
  { rules: [{ rule: 'self.port + 1 > 0' }], create: [{ port: 1 }, { port: '1' }] },
  {
    rules: [{ rule: "type(self.port) == string ? self.port.matches('^[0-9]+%$') : self.port > 0" }],
    create: [{ port: '5%' }, { port: 'x' }, { port: 0 }],
  },
  {
    rules: [{ rule: 'has(self.s) && self.s.size() > 2' }],
    create: [{ s: 'ab' }, { s: 'abc' }, {}],
  },
  {
    rules: [{ rule: 'self.when > timestamp("2020-01-01T00:00:00Z")' }],
    create: [{ when: '2019-01-01T00:00:00Z' }, { when: '2021-01-01T00:00:00Z' }],
  },
  { rules: [{ rule: 'self.every < duration("1h")' }], create: [{ every: '2h' }, { every: '5m' }] },
  {
    rules: [{ rule: 'self.__namespace__ == "a" && self.my__dash__name == 1' }],
    create: [
      { namespace: 'a', 'my-name': 1 },
      { namespace: 'b', 'my-name': 1 },
    ],
  },
  {
    rules: [{ rule: 'quantity(self.s).isLessThan(quantity("1Gi"))' }],
    create: [{ s: '2Gi' }, { s: '1Mi' }, { s: 'no' }],
  },
  {
    rules: [
      {
        rule: 'self.items.all(i, self.items.exists_one(j, j.key == i.key)) && self.items.map(i, i.n).sum() < 5',
      },
    ],
    create: [
      {
        items: [
          { key: 'a', n: 3 },
          { key: 'b', n: 4 },
        ],
      },
    ],
  },
  {
    rules: [{ rule: 'self.items == oldSelf.items', message: 'items stay' }],
    create: [{ items: [{ key: 'a' }, { key: 'b' }] }],
    update: [{ items: [{ key: 'b' }, { key: 'a' }] }, { items: [{ key: 'c' }] }],
  },
];

function ruledKind(rules: readonly JsonObject[], group: string): JsonObject {
  const spec: JsonObject = {
    type: 'object',
    'x-kubernetes-validations': [...rules],
    properties: {
      a: integer,
      b: integer,
      s: text,
      list: numbers,
      map: { type: 'object', maxProperties: 5, additionalProperties: text },
      port: { 'x-kubernetes-int-or-string': true, maxLength: 10 },
      when: { type: 'string', format: 'date-time' },
      every: { type: 'string', format: 'duration' },
      namespace: text,
      'my-name': integer,
      items: {
        type: 'array',
        maxItems: 5,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['key'],
        items: {
          type: 'object',
          required: ['key'],
          properties: { key: text, n: integer },
        },
      },
    },
  };
  return widgets({ type: 'object', properties: { spec } }, { group });
}

async function rules(both: OwnAndReal): Promise<void> {
  const groupOf = (i: number): string => `r${i}.example.com`;
  await Promise.all(ruled.map(({ rules }, i) => define(both, ruledKind(rules, groupOf(i)))));
  for (const [i, { rules, create, update = [] }] of ruled.entries()) {
    const group = groupOf(i);
    const path = widgetsPath(group);
    for (const [j, each] of create.entries())
      await both.same(JSON.stringify([rules, each]), post(path, widget(`w${j}`, each, group)));
    for (const each of update)
      await both.same(JSON.stringify([rules, each]), {
        method: 'PATCH',
        path: `${path}/w0`,
        body: { spec: each },
      });
  }
}

async function serving(both: OwnAndReal): Promise<void> {
  const definition = widgets(schema, {
    names: { shortNames: ['wd'], categories: ['all'] },
    version: {
      additionalPrinterColumns: columns,
      subresources: {
        status: {},
        scale: {
          specReplicasPath: '.spec.replicas',
          statusReplicasPath: '.status.replicas',
          labelSelectorPath: '.status.selector',
        },
      },
    },
  });
  await define(both, definition);
  const path = widgetsPath();
  const one = `${path}/a`;
  const merge = (body: JsonObject, at = one, more: Partial<Sent> = {}): Sent => ({
    method: 'PATCH',
    path: at,
    body,
    ...more,
  });
  const get = (at: string, accept?: string): Sent => ({
    path: at,
    ...(accept === undefined ? {} : { headers: { accept } }),
  });
  await both.same('the definition', get(`${definitionsPath}/widgets.example.com`));
  await both.same('discovery', get('/apis/example.com'), get('/apis/example.com/v1'));
  const a = widget('a', {
    size: 3,
    unknown: 1,
    port: '80%',
    free: { x: { y: null } },
    pod: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', unknown: 1 }, spec: { x: 1 } },
    ports: [{ name: 'http' }, { name: 'b', port: 1 }],
    tags: ['x', 'y'],
    note: null,
    color: null,
  });
  await both.same('objects', post(path, a), get(one), get(path), get(path, table), get(one, table));
  await both.same(
    'updates',
    merge({ spec: { size: 4 } }),
    merge({ spec: { size: null } }),
    merge({ spec: { size: 'x' } }),
    merge({ spec: { size: 0 } }),
    merge({ spec: { color: 'green' } }),
    merge({ spec: { ports: [{ name: 'a' }, { name: 'a' }] } }),
    merge({ spec: { tags: ['a', 'a'] } }),
    merge({ spec: { when: 'yesterday' } }),
    merge({ status: { replicas: 2 } }),
    merge({ status: { replicas: 2, selector: 'a=b' }, spec: { size: 9 } }, `${one}/status`),
    get(`${one}/status`),
    merge({ status: { replicas: 'x' } }, `${one}/status`),
  );
  await both.same(
    'scale',
    get(`${one}/scale`),
    merge({ spec: { replicas: 5 } }, `${one}/scale`),
    get(one),
    merge({ spec: { replicas: -1 } }, `${one}/scale`),
  );
  await both.same(
    'refusals',
    post(path, widget('b', {})),
    post(path, widget('B', { size: 1 })),
    post(path, { ...widget('c', { size: 1 }), apiVersion: 'example.com/v2' }),
    post(`${path}?fieldValidation=Strict`, widget('c', { size: 1, unknown: 2 })),
    { method: 'PUT', path: one, body: widget('a', { size: 1 }) },
    get(`${path}/nothing`),
    { method: 'DELETE', path: `${path}/nothing` },
  );
  await both.same('deletions', { method: 'DELETE', path: one }, get(path));
  await undefine(both, definition);
}
