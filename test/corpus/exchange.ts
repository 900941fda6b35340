/** One request of kubectl and its answer, and what stands for what differs from run to run. */
import { parseJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import { decodeProtobuf } from '../../src/kube/protobuf.ts';

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  /** JSON, or text. */
  readonly body?: Json;
  readonly status: number;
  readonly answerType: string;
  /** JSON; absent: it is none, or a watch's. */
  readonly answer?: Json;
}

export interface Recorded {
  readonly command: string;
  /** Of kubectl. */
  readonly exit: number;
  readonly exchanges: readonly Exchange[];
}

/** Not about objects: what is served, which another server has more or less of. */
export function isDiscovery(path: string): boolean {
  return (
    /^\/(version|openapi)\b/.test(path) ||
    /^\/api(\/v1)?\/?(\?|$)/.test(path) ||
    /^\/apis(\/[^/?]+){0,2}\/?(\?|$)/.test(path)
  );
}

export const isWatch = (path: string): boolean => /[?&]watch=(1|true)\b/.test(path);

/** JSON of bytes or of protobuf; text of what is none; undefined of nothing. */
export function bodyOf(bytes: Buffer): Json | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.subarray(0, 4).toString() === 'k8s\0') return decodeProtobuf(bytes);
  const text = bytes.toString('utf8');
  if (!/^\s*[[{]/.test(text)) return text;
  return parseJson(text).value;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Numbers what a server makes up in the order in which it is met: `<uid-1>`, `<version-3>`. */
export class Names {
  readonly #known = new Map<string, string>();
  readonly #counts = { uid: 0, version: 0 };

  #name(sort: 'uid' | 'version', value: string): string {
    let name = this.#known.get(value);
    if (name === undefined) {
      name = `<${sort}-${++this.#counts[sort]}>`;
      this.#known.set(value, name);
    }
    return name;
  }

  /** With names instead of what was made up. */
  of(json: Json, field = ''): Json {
    if (typeof json === 'string') return this.text(json, field);
    if (Array.isArray(json)) return json.map((item) => this.of(item, field));
    if (!isObject(json)) return json;
    const out: JsonObject = {};
    for (const [name, value] of Object.entries(json)) out[name] = this.of(value, name);
    return out;
  }

  text(text: string, field = ''): string {
    if (field === 'resourceVersion' && /^\d{2,}$/.test(text)) return this.#name('version', text);
    return text
      .replace(uuid, (uid) => this.#name('uid', uid))
      .replace(
        /(resourceVersion(?:=|%3D|":"))(\d{2,})/g,
        (_all, head: string, version: string) => head + this.#name('version', version),
      );
  }
}

/** Puts the values that a server has made up where their names stand. */
export function filled(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/<(?:uid|version)-\d+>/g, (name) => values.get(name) ?? name);
}

/** Learns from an answer which value each name of the recorded one stands for. */
export function learn(
  recorded: Json | undefined,
  got: Json | undefined,
  into: Map<string, string>,
): void {
  if (typeof recorded === 'string' && typeof got === 'string') {
    if (/^<(uid|version)-\d+>$/.test(recorded)) into.set(recorded, got);
  } else if (Array.isArray(recorded) && Array.isArray(got)) {
    for (const [i, item] of recorded.entries()) learn(item, got[i], into);
  } else if (isObject(recorded) && isObject(got)) {
    for (const [name, value] of Object.entries(recorded)) learn(value, got[name], into);
  }
}
