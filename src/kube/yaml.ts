/** YAML as kube-apiserver reads it (through Go's library, to JSON), and as kubectl writes it. */
import type { Alias, Node, Pair, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import {
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  Scalar as ScalarNode,
  visit,
} from 'yaml';
import type { ParsedJson, ParseJsonOptions } from './json.ts';
import {
  asObject,
  MalformedJsonError,
  maxJsonDepth,
  parseJson,
  setField,
  summaryOf,
} from './json.ts';
import type { Json, JsonObject } from './object.ts';
import { quoteGo } from './quote.ts';
import { ApiError, badRequest } from './status.ts';
import { resolvePlain, resolveTagged, YamlTagError } from './yaml-scalar.ts';

/**
 * Longest text that is read as YAML, bytes: reading it is a hundred times slower than JSON and
 * holds up everybody else meanwhile. JSON under a YAML media type has no such limit.
 */
export const maxYamlBytes = 512 * 1024;

/** The text is no YAML that Go would take. */
class YamlError extends Error {}

/**
 * Parses the first document of a YAML text. JSON is tried first: clients send it under YAML's media
 * types. `problems` names duplicate keys as Go's strict decoder does, all in one line-broken text.
 * @throws ApiError 400 for malformed YAML, 413 when it is too long
 */
export function parseYaml(input: Buffer | string, options: ParseJsonOptions = {}): ParsedJson {
  if (looksLikeJson(input)) {
    try {
      return parseJson(input, options);
    } catch (error) {
      // What JSON refuses may still be YAML (a flow map); a list is no object in either.
      if (!(error instanceof MalformedJsonError)) throw error;
    }
  }
  const limit = Math.min(options.maxBytes ?? maxYamlBytes, maxYamlBytes);
  if (input.length > limit)
    throw new ApiError(
      'RequestEntityTooLarge',
      `Request entity too large: limit is ${limit} for YAML; send larger bodies as JSON`,
    );
  const text = typeof input === 'string' ? input : input.toString('utf8');
  try {
    const reading = new Reading(text);
    const value = asObject(reading.document(), input, options);
    return { value, problems: options.duplicates === 'report' ? reading.problems() : [] };
  } catch (error) {
    const why = detailOf(error);
    if (why === undefined) throw error;
    if (options.kind === undefined) throw badRequest(why);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${options.kind}): ${why} (${summaryOf(input)})`,
    );
  }
}

/** Keys that a readable text names twice, also in JSON, as Go's YAML library tells them. */
export function duplicateKeys(input: Buffer): string[] {
  const reading = new Reading(input.toString('utf8'));
  reading.document();
  return [...reading.duplicates];
}

function looksLikeJson(input: Buffer | string): boolean {
  const head = typeof input === 'string' ? input.slice(0, 64) : input.toString('latin1', 0, 64);
  return /^[ \t\r\n]*[{[]/.test(head);
}

function detailOf(error: unknown): string | undefined {
  if (error instanceof YamlTagError) return `yaml: ${error.message}`;
  if (error instanceof YamlError) return error.message;
  // The parser and the walk both recurse: text that is nested too deeply ends them so.
  if (error instanceof RangeError) return 'yaml: exceeded max depth';
  return undefined;
}

/**
 * One text being turned into a value; counts what aliases add, so that a short text cannot become a
 * huge value.
 */
class Reading {
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  readonly duplicates: string[] = [];
  #decoded = 0;
  #aliased = 0;
  #aliasDepth = 0;
  #depth = 0;

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      version: '1.1',
      schema: 'failsafe',
      resolveKnownTags: false,
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    });
  }

  document(): Json {
    const { errors, contents, directives } = this.#document;
    // Go reads the first document and never looks at the second.
    const error = errors.find(({ code }) => code !== 'MULTIPLE_DOCS');
    if (error !== undefined) {
      // The parser reports its own stack overflow as an error of the text, which it is.
      const why = error.message.includes('call stack') ? 'exceeded max depth' : error.message;
      throw new YamlError(`yaml: line ${this.#line(error.pos[0])}: ${why}`);
    }
    if (directives?.yaml.explicit && directives.yaml.version !== '1.1')
      throw new YamlError('yaml: found incompatible YAML document');
    return contents === null ? null : finiteJson(this.#value(contents));
  }

  problems(): string[] {
    if (this.duplicates.length === 0) return [];
    return [`yaml: unmarshal errors:\n${this.duplicates.map((one) => `  ${one}`).join('\n')}`];
  }

  #line(offset: number | undefined): number {
    return this.#lines.linePos(offset ?? 0).line;
  }

  #value(node: Node): Json {
    this.#count();
    if (isAlias(node)) return this.#alias(node, (target) => this.#value(target));
    if (isScalar(node)) {
      this.#anchor(node);
      return scalarValue(node);
    }
    if (++this.#depth > maxJsonDepth) throw new YamlError('yaml: exceeded max depth');
    let value: Json;
    if (isMap(node)) {
      value = {};
      this.#anchor(node);
      this.#fill(node as YAMLMap, value, new Set());
    } else {
      this.#anchor(node as YAMLSeq);
      value = (node as YAMLSeq).items.map((item) => this.#value(item as Node));
    }
    this.#depth--;
    return value;
  }

  /** An anchor may be named again: an alias means the one before it. */
  #anchor(node: Node & { anchor?: string }): void {
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
  }

  #alias<T>(alias: Alias, read: (target: Node) => T): T {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      throw new YamlError(`yaml: unknown anchor '${alias.source}' referenced`);
    if (this.#open.has(alias))
      throw new YamlError(`yaml: anchor '${alias.source}' value contains itself`);
    this.#open.add(alias);
    this.#aliasDepth++;
    const value = read(target);
    this.#aliasDepth--;
    this.#open.delete(alias);
    return value;
  }

  /** Reads a map's pairs into an object; `seen` holds the keys that are set, with their types. */
  #fill(map: YAMLMap, object: JsonObject, seen: Set<string>): void {
    for (const pair of map.items as Pair<ParsedNode, ParsedNode | null>[]) {
      if (isMergeKey(pair.key)) {
        this.#merge(pair.value, object, seen);
        continue;
      }
      const { name, typed } = this.#key(pair.key);
      const value = pair.value === null ? null : this.#value(pair.value);
      if (pair.value === null) this.#count();
      if (seen.has(typed)) {
        const offset = (pair.value ?? pair.key)?.range?.[0];
        this.duplicates.push(`line ${this.#line(offset)}: key ${typed} already set in map`);
      }
      seen.add(typed);
      setField(object, name, value);
    }
  }

  #key(node: ParsedNode): { name: string; typed: string } {
    const key = this.#value(node);
    if (key === null) throw new YamlError('unsupported map key: null');
    if (typeof key === 'object') {
      const shown = Array.isArray(key) ? '[]interface {}' : 'map[interface {}]interface {}';
      throw new YamlError(`yaml: invalid map key: ${shown}`);
    }
    if (typeof key === 'string') return { name: key, typed: quoteGo(key) };
    const name = typeof key === 'number' ? numberKey(key) : String(key);
    return { name, typed: name };
  }

  #merge(node: ParsedNode | null, object: JsonObject, seen: Set<string>): void {
    // Earlier maps of a list take precedence, so they are written last.
    const sources = isSeq(node) ? (node.items as Node[]).toReversed() : [node as Node];
    if (isSeq(node)) this.#anchor(node);
    for (const source of sources) {
      this.#count();
      if (isAlias(source))
        this.#alias(source, (target) => {
          this.#count();
          this.#mergeMap(target, object, seen);
        });
      else this.#mergeMap(source, object, seen);
    }
  }

  #mergeMap(source: Node | null, object: JsonObject, seen: Set<string>): void {
    if (!isMap(source))
      throw new YamlError('yaml: map merge requires map or sequence of maps as the value');
    this.#anchor(source);
    this.#fill(source as YAMLMap, object, seen);
  }

  #count(): void {
    this.#decoded++;
    if (this.#aliasDepth > 0) this.#aliased++;
    if (this.#aliased <= 100 || this.#decoded <= 1000) return;
    if (this.#aliased / this.#decoded > allowedAliasRatio(this.#decoded))
      throw new YamlError('yaml: document contains excessive aliasing');
  }
}

/** Go's bound: almost everything of a small value may come from aliases, a tenth of a large one. */
function allowedAliasRatio(decoded: number): number {
  const low = 400_000;
  const high = 4_000_000;
  if (decoded <= low) return 0.99;
  if (decoded >= high) return 0.1;
  return 0.99 - 0.89 * ((decoded - low) / (high - low));
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<' && key.tag === undefined;
}

function scalarValue(node: Scalar): Json {
  const text = node.source ?? String(node.value ?? '');
  if (node.tag !== undefined) return resolveTagged(node.tag, text);
  return node.type === 'PLAIN' ? resolvePlain(text) : text;
}

/** A number as a map key: Go writes floats in 32 bits. */
function numberKey(key: number): string {
  if (Number.isInteger(key)) return String(key);
  if (!Number.isFinite(key)) return Number.isNaN(key) ? '.nan' : key > 0 ? '.inf' : '-.inf';
  let digits = 1;
  while (digits < 9 && Math.fround(Number(key.toPrecision(digits))) !== Math.fround(key)) digits++;
  return String(Number(key.toPrecision(digits)));
}

/** JSON has no NaN and no infinity. */
function finiteJson(value: Json): Json {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
    throw new YamlError(`json: unsupported value: ${name}`);
  }
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(finiteJson);
  return value;
}

/**
 * A value as kubectl prints it with -o yaml: keys sorted, lists not indented, long text as blocks.
 */
export function stringifyYaml(value: unknown): string {
  const document = new Document(value, {
    // YAML 1.1's own schema would write `<<` bare; what 1.1 reads otherwise is quoted below.
    schema: 'core',
    aliasDuplicateObjects: false,
    sortMapEntries: true,
  });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && ambiguous(node.value))
        node.type = ScalarNode.QUOTE_DOUBLE;
    },
  });
  return document.toString({ lineWidth: 0, indentSeq: false });
}

/** Text that Go would read back as something else when it stood unquoted. */
function ambiguous(text: string): boolean {
  return typeof resolvePlain(text) !== 'string' || text === '<<' || text === '=' || date.test(text);
}

const date = /^\d{4}-\d/;
