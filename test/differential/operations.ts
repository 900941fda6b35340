/** Sequences of writes to one object, as fast-check makes them, and the requests they become. */
import fc from 'fast-check';
import { stringifyJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import type { Request } from './endpoint.ts';
import type { KindModel } from './kinds.ts';

/** What is counted, and must succeed often enough. */
export const verbs = [
  'create',
  'get',
  'update',
  'json',
  'merge',
  'strategic',
  'apply',
  'status',
  'scale',
  'delete',
] as const;
export type Verb = (typeof verbs)[number];

/** How a body is spoiled, sometimes. */
export type Oddity = 'none' | 'unknown' | 'duplicate' | 'type' | 'null' | 'name';

export interface Operation {
  readonly verb: Verb;
  /** What status and scale are written with. */
  readonly method: 'PUT' | 'json' | 'merge' | 'strategic' | 'apply';
  /** Merged over each other in this order. */
  readonly pieces: readonly JsonObject[];
  readonly places: readonly { op: string; path: string; value?: Json; from?: string }[];
  readonly whole: boolean;
  readonly manager: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly validation: '' | 'Strict' | 'Warn' | 'Ignore';
  readonly version: 'live' | 'none' | 'stale';
  readonly oddity: Oddity;
  readonly replicas: number;
  readonly deletion: JsonObject;
  readonly managedFields: 'keep' | 'drop' | 'clear';
}

export interface Sequence {
  readonly kind: KindModel;
  readonly operations: readonly Operation[];
}

/** Few, so that they meet; more than ten of them meet the bound on update managers. */
const managers = ['kubectl', 'kubectl-client-side-apply', 'm1', 'm2', 'm3', ''];
const crowd = Array.from({ length: 12 }, (_, i) => `crowd-${i}`);

const rarely = (weight: number): fc.Arbitrary<boolean> =>
  fc.integer({ min: 1, max: weight }).map((n) => n === weight);

/** Everything of an operation that does not hang on what is written. */
function choices(
  kind: KindModel,
  usable: readonly Verb[],
): fc.Arbitrary<Omit<Operation, 'pieces' | 'places'>> {
  const strategic = kind.custom ? ('merge' as const) : ('strategic' as const);
  return fc.record({
    verb: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...usable) },
      { weight: 3, arbitrary: fc.constant('apply' as const) },
      { weight: 2, arbitrary: fc.constantFrom('merge' as const, strategic) },
    ),
    method: fc.constantFrom(
      'PUT' as const,
      'json' as const,
      'merge' as const,
      strategic,
      'apply' as const,
    ),
    whole: fc.boolean(),
    manager: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...managers) },
      { weight: 1, arbitrary: fc.constantFrom(...crowd) },
    ),
    force: fc.boolean(),
    dryRun: rarely(12),
    validation: fc.constantFrom('' as const, 'Strict' as const, 'Warn' as const, 'Ignore' as const),
    version: fc.oneof(
      { weight: kind.versioned ? 5 : 3, arbitrary: fc.constant('live' as const) },
      { weight: kind.versioned ? 1 : 3, arbitrary: fc.constant('none' as const) },
      { weight: 1, arbitrary: fc.constant('stale' as const) },
    ),
    oddity: fc.oneof(
      { weight: 14, arbitrary: fc.constant('none' as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Oddity>('unknown', 'duplicate', 'type', 'null', 'name'),
      },
    ),
    replicas: fc.integer({ min: 0, max: 5 }),
    deletion: fc.oneof(
      { weight: 3, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<JsonObject>(
          { propagationPolicy: 'Background' },
          { gracePeriodSeconds: 0 },
          { preconditions: { uid: 'nobody' } },
          { preconditions: { resourceVersion: '1' } },
        ),
      },
    ),
    managedFields: fc.oneof(
      { weight: 8, arbitrary: fc.constant('keep' as const) },
      { weight: 1, arbitrary: fc.constantFrom('drop' as const, 'clear' as const) },
    ),
  });
}

function operation(kind: KindModel): fc.Arbitrary<Operation> {
  const usable = verbs.filter(
    (verb) =>
      (verb !== 'status' || kind.status !== undefined) &&
      (verb !== 'scale' || kind.scale === true) &&
      (verb !== 'strategic' || kind.custom !== true),
  );
  return choices(kind, usable).chain((fields) =>
    fc
      .record({
        pieces: piecesFor(kind, fields.verb, fields.method),
        places: placesFor(kind),
        misfit: misfitFor(kind),
      })
      .map(({ pieces, places, misfit }) => ({
        ...fields,
        ...{ places, pieces: [...pieces, ...misfit] },
        // kube-apiserver answers that with 500: it cannot convert its own Scale.
        ...(kind.custom && fields.verb === 'scale' && fields.method === 'apply' && noApply),
      })),
  );
}

function some(pieces: readonly JsonObject[], max: number): fc.Arbitrary<JsonObject[]> {
  return pieces.length === 0
    ? fc.constant([])
    : fc.array(fc.constantFrom(...pieces), { minLength: 0, maxLength: max });
}

const noApply = { method: 'merge' } as const;

/** Mostly none. */
function misfitFor({ misfits = [] }: KindModel): fc.Arbitrary<JsonObject[]> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant<JsonObject[]>([]) },
    { weight: 1, arbitrary: some(misfits, 1) },
  );
}

function piecesFor(
  kind: KindModel,
  verb: Verb,
  method: Operation['method'],
): fc.Arbitrary<JsonObject[]> {
  const way = verb === 'status' ? method : verb;
  if (verb === 'status') return some([...(kind.status ?? []), ...kind.pieces.slice(-6)], 2);
  if (way === 'merge')
    return fc.tuple(some(kind.pieces, 2), some(kind.removals, 1)).map((both) => both.flat());
  if (way === 'create') return some([...kind.pieces, ...(kind.newOnly ?? [])], 4);
  if (way === 'strategic')
    return fc.oneof(some(kind.pieces, 2), some([...kind.strategic, ...kind.removals], 2));
  return some(kind.pieces, 4);
}

const adding = Array<string>(8).fill('add');

function placesFor(kind: KindModel): fc.Arbitrary<Operation['places']> {
  const one = fc
    .record({
      op: fc.constantFrom(...adding, 'replace', 'remove', 'test', 'copy', 'move'),
      place: fc.constantFrom(...kind.places),
      from: fc.constantFrom(...kind.places),
    })
    .map(({ op, place: [path, value], from: [from] }) => {
      if (op === 'remove') return { op, path };
      return op === 'copy' || op === 'move' ? { op, path, from } : { op, path, value };
    });
  return fc.array(one, { minLength: 1, maxLength: 2 });
}

/** Operations on one object of a kind, the first of which makes it. */
export function operationsOn(kind: KindModel): fc.Arbitrary<readonly Operation[]> {
  return fc
    .tuple(
      operation(kind).map((first): Operation => {
        const verb = first.verb === 'apply' ? 'apply' : 'create';
        return { ...first, verb, whole: true, dryRun: false, oddity: 'none' };
      }),
      fc.array(operation(kind), { minLength: 2, maxLength: 12 }),
    )
    .map(([first, rest]) => [first, ...rest]);
}

/** A kind with operations on one object of it. */
export function sequencesOf(kinds: readonly KindModel[]): fc.Arbitrary<Sequence> {
  return fc
    .constantFrom(...kinds)
    .chain((kind) => operationsOn(kind).map((operations) => ({ kind, operations })));
}

const keys = ['name', 'ip', 'topologyKey', 'containerPort', 'port'];

/** Objects joined field by field, lists of named things by their names. */
export function joined(a: Json | undefined, b: Json): Json {
  if (isObject(a) && isObject(b)) {
    const out: JsonObject = { ...a };
    for (const [name, value] of Object.entries(b)) out[name] = joined(a[name], value);
    return out;
  }
  if (!Array.isArray(a) || !Array.isArray(b)) return b;
  const first = b[0];
  const key = keys.find((name) => isObject(first) && first[name] !== undefined);
  if (key === undefined) return b;
  const out = [...a];
  for (const item of b) {
    const at = out.findIndex(
      (one) =>
        isObject(one) &&
        isObject(item) &&
        one[key] === item[key] &&
        (one.protocol ?? 'TCP') === (item.protocol ?? 'TCP'),
    );
    if (at < 0) out.push(item);
    else out[at] = joined(out[at], item);
  }
  return out;
}

export interface Target {
  /** What `{name}` stands for. */
  readonly run: string;
  /** The object as this server has it, if it does. */
  readonly live: JsonObject | undefined;
}

/** The request of an operation. */
export function requestOf(sequence: Sequence, operation: Operation, target: Target): Request {
  const { run, live } = target;
  const { path, body, ...request } = plainRequest(sequence, operation, {
    name: nameIn(sequence, run),
    live,
  });
  return {
    ...request,
    path: path.replaceAll('{name}', run),
    ...(body !== undefined && { body: String(body).replaceAll('{name}', run) }),
  };
}

/** Of the object that a run is about. */
export function nameIn({ kind }: Pick<Sequence, 'kind'>, run: string): string {
  return kind.nameOf?.(run) ?? run;
}

/** Where a run's object is. */
export function pathIn({ kind }: Pick<Sequence, 'kind'>, run: string): string {
  return `${kind.collection.replaceAll('{name}', run)}/${nameIn({ kind }, run)}`;
}

function plainRequest(
  { kind }: Sequence,
  operation: Operation,
  { name, live }: { name: string; live: JsonObject | undefined },
): Request {
  const path = `${kind.collection}/${name}`;
  const query = queryOf(operation);
  switch (operation.verb) {
    case 'get':
      return { method: 'GET', path };
    case 'create': {
      const body = bodyOf(kind, { ...operation, whole: true }, name);
      return write('POST', `${kind.collection}${query}`, 'application/json', body, operation);
    }
    case 'update':
      return put(`${path}${query}`, kind, operation, { name, live });
    case 'delete': {
      const body = stringifyJson({ ...operation.deletion, ...dryRunOf(operation) });
      return { method: 'DELETE', path, contentType: 'application/json', body };
    }
    case 'status':
      if (operation.method === 'PUT')
        return put(`${path}/status${query}`, kind, operation, { name, live });
      return patchOf(`${path}/status`, kind, { ...operation, verb: operation.method }, name);
    case 'scale':
      return scaleRequest(`${path}/scale`, operation, name);
    default:
      return patchOf(path, kind, { ...operation, verb: operation.verb }, name);
  }
}

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

type PatchOperation = Omit<Operation, 'verb'> & { readonly verb: keyof typeof patchTypes };

function patchOf(
  path: string,
  kind: KindModel,
  { verb, ...operation }: PatchOperation,
  name: string,
): Request {
  const target = `${path}${queryOf({ ...operation, verb })}`;
  const contentType = patchTypes[verb];
  if (verb === 'json')
    return { method: 'PATCH', path: target, contentType, body: stringifyJson(operation.places) };
  const body =
    verb === 'apply' ? bodyOf(kind, operation, name) : operation.pieces.reduce<Json>(joined, {});
  return write('PATCH', target, contentType, body as JsonObject, operation);
}

function put(
  path: string,
  kind: KindModel,
  operation: Operation,
  { name, live }: { name: string; live: JsonObject | undefined },
): Request {
  const start = live ?? bodyOf(kind, { ...operation, whole: true }, name);
  const body = operation.pieces.reduce<Json>(joined, start) as JsonObject;
  const metadata = { ...(body.metadata as JsonObject) };
  if (operation.version === 'none') delete metadata.resourceVersion;
  if (operation.version === 'stale') metadata.resourceVersion = '1';
  if (operation.managedFields === 'drop') delete metadata.managedFields;
  if (operation.managedFields === 'clear') metadata.managedFields = [{}];
  return write('PUT', path, 'application/json', { ...body, metadata }, operation);
}

function scaleRequest(path: string, operation: Operation, name: string): Request {
  const { method, replicas } = operation;
  const target = `${path}${queryOf({ ...operation, verb: method === 'PUT' ? 'update' : method })}`;
  const scale = {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace: 'default' },
    spec: { replicas },
  };
  if (method === 'PUT')
    return {
      method,
      path: target,
      contentType: 'application/json',
      body: stringifyJson(scale),
    };
  const body =
    method === 'json'
      ? [{ op: 'replace', path: '/spec/replicas', value: replicas }]
      : method === 'apply'
        ? scale
        : { spec: { replicas } };
  return {
    method: 'PATCH',
    path: target,
    contentType: patchTypes[method],
    body: stringifyJson(body),
  };
}

/** The object of a create or an apply. */
function bodyOf(
  { apiVersion, kind, base, always }: KindModel,
  { pieces, whole }: Pick<Operation, 'pieces' | 'whole'>,
  name: string,
): JsonObject {
  const parts = whole || always ? [base, ...pieces] : pieces;
  const head: Json = { apiVersion, kind, metadata: { name } };
  return parts.reduce<Json>(joined, head) as JsonObject;
}

function queryOf(
  operation: Pick<Operation, 'manager' | 'force' | 'dryRun' | 'validation'> & { verb: string },
): string {
  const { verb, manager, force, dryRun, validation } = operation;
  const query = new URLSearchParams();
  if (manager !== '') query.set('fieldManager', manager);
  if (verb === 'apply' && force) query.set('force', 'true');
  if (dryRun) query.set('dryRun', 'All');
  if (validation !== '') query.set('fieldValidation', validation);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function dryRunOf({ dryRun }: Operation): JsonObject {
  return dryRun ? { dryRun: ['All'] } : {};
}

function write(
  method: Request['method'],
  path: string,
  contentType: string,
  body: JsonObject,
  { oddity }: Pick<Operation, 'oddity'>,
): Request {
  return { method, path, contentType, body: spoiled(body, oddity) };
}

function otherName({ metadata }: JsonObject): string {
  const { name } = (metadata ?? {}) as JsonObject;
  return `${typeof name === 'string' ? name : 'x'}-other`;
}

function spoiled(body: JsonObject, oddity: Oddity): string {
  switch (oddity) {
    case 'none':
      return stringifyJson(body);
    case 'unknown':
      return stringifyJson(joined(body, { bogus: { deep: 1 } }));
    case 'type':
      return stringifyJson(joined(body, { metadata: { labels: { wrong: 5 } } }));
    case 'null':
      return stringifyJson(
        joined(body, { metadata: { labels: null, annotations: { gone: null } } }),
      );
    case 'name':
      return stringifyJson(joined(body, { metadata: { name: otherName(body) } }));
    case 'duplicate': {
      const text = stringifyJson(body);
      return text === '{}' ? text : `{"metadata":{"labels":{"d":"1"}},${text.slice(1)}`;
    }
  }
}
