/**
 * /openapi/v2 in JSON and in gnostic's protobuf, made of the OpenAPI v3 documents when somebody
 * asks. What a document gives is kept packed, so that a new custom kind costs only its own, and so
 * are the whole ones: unpacked they are megabytes.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { GnosticWriter } from '../kube/gnostic-v2.ts';
import { parseJson, stringifyJson } from '../kube/json.ts';
import type { JsonObject } from '../kube/object.ts';
import { swaggerOf } from '../kube/openapi-v2.ts';
import { documentPath } from './catalog/union.ts';
import type { Catalog } from './catalog.ts';

export type SwaggerForm = 'json' | 'protobuf';

export interface SwaggerDocument {
  /** gzip of the document. */
  readonly packed: Buffer;
  /** The document itself; the same bytes for everybody who holds them at the same time. */
  readonly plain: () => Buffer;
  readonly etag: string;
  /** When the types became what they are, ms. */
  readonly modified: number;
}

interface Parts {
  readonly hash: string;
  /** gzip of lines: how many there are of each section, then names and JSON texts by turns. */
  readonly packed: Buffer;
}

interface Named {
  readonly name: string;
  readonly text: string;
}

const pack = promisify<Buffer, { level: number }, Buffer>(gzip);
const unpack = promisify<Buffer, Buffer>(gunzip);
const level = { level: 1 };
const rest: JsonObject = {
  swagger: '2.0',
  info: { title: 'Ubernetes', version: 'unversioned' },
  securityDefinitions: {
    BearerToken: {
      description: 'Bearer Token authentication',
      type: 'apiKey',
      name: 'authorization',
      in: 'header',
    },
  },
  security: [{ BearerToken: [] }],
};

/** Hundreds may ask at once, and their clients take it slowly or never. */
function unpackedFrom(packed: Buffer): () => Buffer {
  let known: WeakRef<Buffer> | undefined;
  return () => {
    const bytes = known?.deref() ?? gunzipSync(packed);
    if (known?.deref() === undefined) known = new WeakRef(bytes);
    return bytes;
  };
}

export class Swagger {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  /** By path of the v3 document. */
  #parts: ReadonlyMap<string, Parts> = new Map();
  /** Of what is served now. */
  #reading: Promise<string> | undefined;
  readonly #making = new Map<SwaggerForm, Promise<SwaggerDocument>>();
  /** The last ones, by what they were made of. */
  readonly #made = new Map<SwaggerForm, { hash: string; document: SwaggerDocument }>();
  #modified: number;

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
    this.#modified = clock.now();
    catalog.onChange(() => {
      this.#modified = this.#clock.now();
      this.#reading = undefined;
      this.#making.clear();
    });
  }

  async document(form: SwaggerForm): Promise<SwaggerDocument> {
    let making = this.#making.get(form);
    if (making === undefined) {
      making = this.#make(form);
      this.#making.set(form, making);
    }
    try {
      return await making;
    } catch (error) {
      if (this.#making.get(form) === making) this.#making.delete(form);
      throw error;
    }
  }

  async #make(form: SwaggerForm): Promise<SwaggerDocument> {
    const modified = this.#modified;
    this.#reading ??= this.#read();
    const hash = await this.#reading;
    const known = this.#made.get(form);
    if (known?.hash === hash) return known.document;
    const parts = [...this.#parts.values()];
    const bytes = form === 'json' ? await jsonOf(parts) : await protobufOf(parts);
    const etag = `"${sha(`${form} ${hash}`)}"`;
    const packed = await pack(bytes, level);
    const document = { packed, plain: unpackedFrom(packed), etag, modified };
    this.#made.set(form, { hash, document });
    return document;
  }

  /** Everybody else works between two documents. */
  async #read(): Promise<string> {
    const parts = new Map<string, Parts>();
    for (const { versions } of this.#catalog.groups)
      for (const version of versions) {
        const path = documentPath(version);
        const one = await this.#partsAt(path);
        if (one !== undefined) parts.set(path, one);
      }
    this.#parts = parts;
    return sha([...parts].map(([path, { hash }]) => `${path} ${hash}`).join('\n'));
  }

  async #partsAt(path: string): Promise<Parts | undefined> {
    const hash = this.#catalog.documentHash(path);
    const known = this.#parts.get(path);
    if (hash === undefined) return undefined;
    if (known?.hash === hash) return known;
    const document = this.#catalog.document(path);
    if (document === undefined) return undefined;
    const parts = swaggerOf(parseJson(document).value as JsonObject);
    const all = sections.map((section) => Object.entries(parts[section]));
    const lines = all.flat().flatMap(([name, value]) => [name, stringifyJson(value)]);
    const counts = all.map(({ length }) => length).join(' ');
    return { hash, packed: await pack(Buffer.from([counts, ...lines].join('\n')), level) };
  }
}

const sections = ['definitions', 'paths', 'parameters'] as const;
type Section = (typeof sections)[number];

/** What all parts have of one kind; of two with one name the first. */
async function* entriesOf(parts: readonly Parts[], which: Section): AsyncGenerator<Named> {
  const seen = new Set<string>();
  for (const { packed } of parts) {
    const lines = (await unpack(packed)).toString('utf8').split('\n');
    const counts = lines[0]!.split(' ').map(Number);
    const at = sections.indexOf(which);
    const from = 1 + 2 * counts.slice(0, at).reduce((sum, count) => sum + count, 0);
    const to = from + 2 * counts[at]!;
    for (let i = from; i < to; i += 2) {
      const name = lines[i]!;
      if (seen.has(name)) continue;
      seen.add(name);
      yield { name, text: lines[i + 1]! };
    }
  }
}

async function jsonOf(parts: readonly Parts[]): Promise<Buffer> {
  const { swagger, info, ...after } = rest;
  const chunks = [Buffer.from(JSON.stringify({ swagger, info }).slice(0, -1))];
  for (const which of ['paths', 'definitions', 'parameters'] as const) {
    let before = `,"${which}":{`;
    for await (const { name, text } of entriesOf(parts, which)) {
      chunks.push(Buffer.from(`${before}${JSON.stringify(name)}:${text}`));
      before = ',';
    }
    chunks.push(Buffer.from(before === ',' ? '}' : `${before}}`));
  }
  chunks.push(Buffer.from(`,${JSON.stringify(after).slice(1)}`));
  return Buffer.concat(chunks);
}

async function protobufOf(parts: readonly Parts[]): Promise<Buffer> {
  const writer = new GnosticWriter();
  const write = {
    parameters: (name: string, value: JsonObject) => writer.parameter(name, value),
    definitions: (name: string, value: JsonObject) => writer.definition(name, value),
    paths: (name: string, value: JsonObject) => writer.path(name, value),
  };
  for (const which of ['parameters', 'definitions', 'paths'] as const)
    for await (const { name, text } of entriesOf(parts, which))
      write[which](name, parseJson(Buffer.from(text)).value as JsonObject);
  writer.rest(rest);
  return writer.finish();
}

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex').toUpperCase();
}
