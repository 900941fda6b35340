/**
 * Built-in kinds as the OpenAPI document of a real kube-apiserver describes them. Parts of objects
 * are made from the schema, and tried by dry-run there: those that it accepts are written, few of
 * those that it refuses.
 */
import fc from 'fast-check';
import { deepEqual, parseJson, stringifyJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject, objectAt, valueAt } from '../../src/kube/object.ts';
import { bases, gated, hints, leftOut, names } from './described-bases.ts';
import { type Draw, drawn } from './draw.ts';
import type { Endpoint } from './endpoint.ts';
import { type KindModel, model } from './kinds.ts';
import { joined, nameIn } from './operations.ts';
import {
  fitting,
  misfitting,
  nested,
  pointer,
  type SchemaSource,
  type Spot,
  spot,
} from './schema-values.ts';

/** A kind and where its schema is. */
interface Described {
  readonly apiVersion: string;
  readonly kind: string;
  readonly collection: string;
  readonly schema: JsonObject;
  readonly schemas: SchemaSource;
  readonly status: boolean;
  readonly scale: boolean;
}

/** Of every kind with create and get; `seed` says which parts are tried. */
export async function describedKinds(
  oracle: Endpoint,
  seed: number,
  prefix = '',
): Promise<KindModel[]> {
  const found = await describe(oracle);
  const models: KindModel[] = [];
  for (const [i, kind] of found.entries()) {
    const [made] = fc.sample(
      drawn((draw) => drafted(draw, kind)),
      { numRuns: 1, seed: seed + i },
    );
    models.push(await tried(oracle, made!, `${prefix}probe-${i}`));
  }
  return models;
}

async function json(oracle: Endpoint, path: string): Promise<JsonObject> {
  return parseJson((await oracle.send({ method: 'GET', path })).bytes).value as JsonObject;
}

async function describe(oracle: Endpoint): Promise<Described[]> {
  const root = await json(oracle, '/openapi/v3');
  const found: Described[] = [];
  for (const at of Object.keys(root.paths as JsonObject)) {
    const group = /^apis?\/(.*)v\d/.test(at);
    if (!group || at.includes('example.com')) continue;
    const document = await json(oracle, `/openapi/v3/${at}`);
    found.push(...kindsIn(document));
  }
  return found;
}

function kindsIn(document: JsonObject): Described[] {
  const paths = objectAt(document, 'paths') ?? {};
  const schemas = sourceOf(document);
  return Object.keys(paths).flatMap((path) => {
    const gvk = valueAt(paths[path], 'post', 'x-kubernetes-group-version-kind');
    if (!isObject(gvk) || path.includes('{name}') || paths[`${path}/{name}`] === undefined)
      return [];
    const { group, version, kind } = gvk as Record<string, string>;
    const schema = Object.values(objectAt(document, 'components', 'schemas') ?? {}).find((each) => {
      const list = valueAt(each, 'x-kubernetes-group-version-kind');
      return Array.isArray(list) && list.some((one) => deepEqual(one, gvk));
    }) as JsonObject;
    const has = (name: string): boolean =>
      valueAt(paths[`${path}/{name}/${name}`], 'put') !== undefined;
    const apiVersion = group === '' ? version! : `${group}/${version}`;
    if (leftOut[kind!] !== undefined || leftOut[`${apiVersion}/${kind}`] !== undefined) return [];
    const collection = path.replace('{namespace}', 'default');
    return {
      ...{ apiVersion, kind: kind!, collection, schema, schemas },
      ...{ status: has('status'), scale: has('scale') },
    };
  });
}

function sourceOf(document: JsonObject): SchemaSource {
  const components = objectAt(document, 'components', 'schemas') ?? {};
  const resolve = (schema: JsonObject): JsonObject => {
    const all = Array.isArray(schema.allOf) ? schema.allOf[0] : undefined;
    const reference = schema.$ref ?? valueAt(all, '$ref');
    if (typeof reference !== 'string') return schema;
    const { allOf: _, default: __, ...own } = schema;
    const name = reference.slice('#/components/schemas/'.length);
    return { ...withoutFields(components[name] as JsonObject, gated[name] ?? []), ...own };
  };
  return { resolve, hint };
}

function withoutFields(schema: JsonObject, names: readonly string[]): JsonObject {
  if (names.length === 0) return schema;
  const properties = Object.entries((schema.properties ?? {}) as JsonObject);
  const kept = properties.filter(([name]) => !names.includes(name));
  return { ...schema, properties: Object.fromEntries(kept) };
}

function hint(field: string, schema: JsonObject): readonly Json[] | undefined {
  if (schema.enum !== undefined) return undefined;
  if (schema.type === 'string' || schema.type === 'array') return hints[field];
  if (!Array.isArray(schema.oneOf)) return undefined;
  return schema.format === 'int-or-string' ? [80, 'http', '25%'] : ['1', '100m', '2Gi', 3];
}

/** Not the parts that every kind has, and not what only the server writes. */
const notOwn = new Set(['apiVersion', 'kind', 'metadata', 'status']);

function drafted(draw: Draw, described: Described): KindModel & { readonly own: JsonObject[] } {
  const { apiVersion, kind, collection, schema, schemas, status, scale } = described;
  const group = apiVersion.includes('/') ? `${apiVersion.split('/')[0]}/` : '';
  const all = (schema.properties ?? {}) as Record<string, JsonObject>;
  const properties = Object.fromEntries(Object.entries(all).filter(([name]) => !notOwn.has(name)));
  const root: Spot = { path: [], schema: { properties } };
  const place = { schemas, field: '', depth: 3 };
  const spots = Array.from({ length: 24 }, () => spot(draw, root, schemas, 4));
  const part = ({ path, schema: at }: Spot): JsonObject =>
    nested(path, fitting(draw, at, { ...place, field: path.at(-1) ?? '' }));
  const own = spots.filter(({ path }) => path.length > 0).map(part);
  const name = names[kind];
  const base = bases[group + kind] ?? bases[kind] ?? {};
  return {
    ...model({
      ...{ apiVersion, kind, collection, base, scale },
      removals: spots.slice(0, 4).map(({ path }) => nested(path, null)),
      strategic: own.slice(0, 3).flatMap((piece) => directed(draw, piece)),
      misfits: spots.slice(4, 8).map(({ path, schema: at }) => {
        const value = misfitting(draw, at, place);
        return nested(path, value);
      }),
      ...(status && all.status !== undefined && { status: statusParts(draw, all.status, place) }),
      ...(name !== undefined && { nameOf: name }),
    }),
    always: true,
    own,
  };
}

function statusParts(
  draw: Draw,
  schema: JsonObject,
  place: { schemas: SchemaSource; field: string; depth: number },
): JsonObject[] {
  return Array.from({ length: 6 }, () => {
    const { path, schema: at } = spot(draw, { path: ['status'], schema }, place.schemas, 2);
    return nested(path, fitting(draw, at, { ...place, field: path.at(-1)! }));
  });
}

/** The part with a directive of strategic merge somewhere in it. */
function directed(draw: Draw, piece: Json): JsonObject[] {
  if (!isObject(piece)) return [];
  const [name] = Object.keys(piece);
  if (name === undefined) return [];
  const value = piece[name]!;
  if (isObject(value) && Object.values(value).some(isObject) && Object.keys(value).length === 1)
    return directed(draw, value).map((inner) => ({ [name]: inner }));
  if (isObject(value)) return [{ [name]: { ...value, $patch: 'replace' } }];
  if (Array.isArray(value) && value.every(isObject) && value.length > 0)
    return [{ [name]: [{ ...value[0], $patch: 'delete' }] }, { [name]: value }];
  return [{ [name]: value }];
}

/** The parts that a real server accepts of a new object, and of one that is there. */
async function tried(
  oracle: Endpoint,
  { own, ...kind }: KindModel & { readonly own: readonly JsonObject[] },
  run: string,
): Promise<KindModel> {
  const named = (value: Json): string => stringifyJson(value).replaceAll('{name}', run);
  const head = { apiVersion: kind.apiVersion, kind: kind.kind };
  const whole = { ...head, metadata: { name: nameIn({ kind }, run) }, ...kind.base };
  const post = { method: 'POST', contentType: 'application/json' } as const;
  const path = `${kind.collection}/${nameIn({ kind }, run)}`;
  const made = await oracle.send({ ...post, path: kind.collection, body: named(whole) });
  if (made.status !== 201)
    throw new Error(`${kind.kind}: its base is refused: ${made.bytes.toString('utf8')}`);
  const patch = { method: 'PATCH', contentType: 'application/merge-patch+json' } as const;
  const accepts = async (piece: JsonObject, at = ''): Promise<boolean> => {
    const target = `${path}${at}?dryRun=All`;
    return (await oracle.send({ ...patch, path: target, body: named(piece) })).status === 200;
  };
  const pieces: JsonObject[] = [];
  const newOnly: JsonObject[] = [];
  for (const piece of own) {
    const body = named(
      joined(whole, { ...piece, metadata: { name: nameIn({ kind }, `${run}-2`) } }),
    );
    const created = await oracle.send({ ...post, path: `${kind.collection}?dryRun=All`, body });
    if (created.status !== 201) continue;
    // A merge patch replaces lists, which are joined when it is put together.
    const live = joined(kind.base, piece) as JsonObject;
    if (await accepts(live)) pieces.push(piece);
    else newOnly.push(piece);
  }
  const status: JsonObject[] = [];
  for (const piece of kind.status ?? []) if (await accepts(piece, '/status')) status.push(piece);
  await oracle.send({ method: 'DELETE', path });
  return {
    ...kind,
    pieces: [...pieces, ...kind.pieces],
    newOnly,
    places: [...placesIn(pieces), ...kind.places],
    ...(kind.status !== undefined && status.length > 0 && { status }),
  };
}

function placesIn(pieces: readonly JsonObject[]): KindModel['places'] {
  return pieces.slice(0, 6).map((piece) => {
    const path: string[] = [];
    let value: Json = piece;
    while (isObject(value) && Object.keys(value).length === 1 && path.length < 2) {
      const [name] = Object.keys(value) as [string];
      path.push(name);
      value = value[name]!;
    }
    return [pointer(path), value] as const;
  });
}
