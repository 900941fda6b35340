/**
 * /openapi/v2 in JSON, made of the OpenAPI v3 documents when somebody asks. What a document gives
 * is kept, so that a new custom kind costs only its own.
 */
import { createHash } from 'node:crypto';
import { parseJson, stringifyJson } from '../kube/json.ts';
import type { JsonObject } from '../kube/object.ts';
import { swaggerOf } from '../kube/openapi-v2.ts';
import { documentPath } from './catalog/union.ts';
import type { Catalog } from './catalog.ts';

/** JSON texts of members of an object, by name. */
type Texts = ReadonlyMap<string, string>;

interface Parts {
  readonly hash: string;
  readonly definitions: Texts;
  readonly paths: Texts;
}

const rest = {
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

export class Swagger {
  readonly #catalog: Catalog;
  /** By path of the v3 document. */
  #parts: ReadonlyMap<string, Parts> = new Map();
  #document: { readonly bytes: Buffer; readonly etag: string } | undefined;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    catalog.onChange(() => {
      this.#document = undefined;
    });
  }

  document(): { readonly bytes: Buffer; readonly etag: string } {
    this.#document ??= this.#make();
    return this.#document;
  }

  #make(): { bytes: Buffer; etag: string } {
    const parts = new Map<string, Parts>();
    const digest = createHash('sha256');
    for (const { versions } of this.#catalog.groups)
      for (const version of versions) {
        const path = documentPath(version);
        const one = this.#partsAt(path);
        if (one === undefined) continue;
        parts.set(path, one);
        digest.update(`${path} ${one.hash}\n`);
      }
    this.#parts = parts;
    const all = [...parts.values()];
    const text =
      '{"swagger":"2.0","info":{"title":"Ubernetes","version":"unversioned"},' +
      `"paths":${joined(all.map(({ paths }) => paths))},` +
      `"definitions":${joined(all.map(({ definitions }) => definitions))},` +
      JSON.stringify(rest).slice(1);
    return { bytes: Buffer.from(text), etag: `"${digest.digest('hex').toUpperCase()}"` };
  }

  #partsAt(path: string): Parts | undefined {
    const hash = this.#catalog.documentHash(path);
    const known = this.#parts.get(path);
    if (hash === undefined) return undefined;
    if (known?.hash === hash) return known;
    const document = this.#catalog.document(path);
    if (document === undefined) return undefined;
    const { definitions, paths } = swaggerOf(parseJson(document).value as JsonObject);
    return { hash, definitions: textsOf(definitions), paths: textsOf(paths) };
  }
}

function textsOf(object: JsonObject): Texts {
  return new Map(Object.entries(object).map(([name, value]) => [name, stringifyJson(value)]));
}

/** One object of them all; of two members with one name the first. */
function joined(texts: readonly Texts[]): string {
  const all = new Map<string, string>();
  for (const each of texts)
    for (const [name, text] of each) if (!all.has(name)) all.set(name, text);
  return `{${[...all].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}
