/** JSON patches (RFC 6902) with the leniencies, limits and messages of kube-apiserver. */
import { deepEqual, goKind, setField, stringifyJson } from './json.ts';
import { parsePatchBody } from './merge-patch.ts';
import type { Json, JsonObject } from './object.ts';
import { isObject } from './object.ts';
import { ApiError, badRequest } from './status.ts';

export interface JsonPatchOperation {
  readonly op: string;
  readonly path?: string;
  readonly from?: string;
  readonly value?: Json;
}

export const maxJsonPatchOperations = 10_000;
/** As kube-apiserver: `copy` may add no more than this to an object, bytes. */
const maxCopyBytes = 3 * 1024 * 1024;

export interface ParsedJsonPatch {
  readonly operations: readonly JsonPatchOperation[];
  /** `json patch duplicate field "[0].op"`, `json patch unknown field "[0].x"`. */
  readonly problems: string[];
}

/** A request's JSON patch. @throws ApiError 400 (no list of operations) or 413 (too many) */
export function parseJsonPatch(body: Buffer | string): ParsedJsonPatch {
  const { value, problems } = parsePatchBody(body);
  if (!Array.isArray(value)) throw undecodable(goKind(value), '[]handlers.jsonPatchOp');
  if (value.length > maxJsonPatchOperations)
    throw new ApiError(
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${value.length}`,
    );
  const operations = value.map((item, i) => {
    if (!isObject(item)) throw undecodable(goKind(item), 'handlers.jsonPatchOp');
    for (const key of Object.keys(item)) {
      if (!operationFields.has(key)) problems.push(`unknown field "[${i}].${key}"`);
      else if (key !== 'value' && typeof item[key] !== 'string' && item[key] !== null)
        throw undecodable(goKind(item[key]!), 'string', `struct field jsonPatchOp.${key}`);
    }
    return item as unknown as JsonPatchOperation;
  });
  return { operations, problems: problems.map((problem) => `json patch ${problem}`) };
}

const operationFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

function undecodable(kind: string, type: string, place = 'value'): ApiError {
  const into = place === 'value' ? `Go value of type ${type}` : `Go ${place} of type ${type}`;
  return badRequest(`error decoding patch: json: cannot unmarshal ${kind} into ${into}`);
}

/**
 * The document with all operations applied, in order; the document itself is not changed, and what
 * no operation touches is shared with the result.
 * @throws ApiError (422) when an operation does not apply; the error's `cause` says which and why
 */
export function applyJsonPatch(
  document: JsonObject,
  operations: readonly JsonPatchOperation[],
): Json {
  const patching = new Patching(document);
  for (const operation of operations) {
    try {
      patching.run(operation);
    } catch (error) {
      if (error instanceof DoesNotApply) throw refusal(error);
      throw error;
    }
  }
  return patching.root;
}

/** kube-apiserver does not say what went wrong; here it is the error's cause. */
function refusal(cause: DoesNotApply): ApiError {
  const message = 'the server rejected our request due to an error in our request';
  return new ApiError('Invalid', message, { details: {}, cause });
}

class DoesNotApply extends Error {}

type Container = JsonObject | Json[];

class Patching {
  root: Json;
  /** Containers that this patch made and may change. */
  readonly #own = new Set<Container>();
  #copied = 0;

  constructor(document: Json) {
    this.root = document;
  }

  run(operation: JsonPatchOperation): void {
    const { op } = operation;
    if (op === 'add') this.#add(operation);
    else if (op === 'remove') this.#remove(operation);
    else if (op === 'replace') this.#replace(operation);
    else if (op === 'move') this.#move(operation);
    else if (op === 'test') this.#test(operation);
    else if (op === 'copy') this.#copy(operation);
    else throw new DoesNotApply(`Unexpected kind: ${op ?? 'unknown'}`);
  }

  #add(operation: JsonPatchOperation): void {
    const path = requirePath(operation, 'add operation failed to decode path: missing value');
    const place = this.#find(path);
    if (place === undefined)
      throw new DoesNotApply(
        `add operation does not apply: doc is missing path: "${path}": missing value`,
      );
    within(`error in add for path: '${path}'`, () =>
      insert(this.#writable(place), place.key, operation.value ?? null),
    );
  }

  #remove(operation: JsonPatchOperation): void {
    const path = requirePath(operation, 'remove operation failed to decode path: missing value');
    const place = this.#find(path);
    if (place === undefined)
      throw new DoesNotApply(
        `remove operation does not apply: doc is missing path: "${path}": missing value`,
      );
    within(`error in remove for path: '${path}'`, () => remove(this.#writable(place), place.key));
  }

  #replace(operation: JsonPatchOperation): void {
    const path = requirePath(operation, `replace ${noPath}`);
    const value = operation.value ?? null;
    if (path === '') {
      if (!isContainer(value))
        throw new DoesNotApply('replace operation value must be object or array');
      this.root = value;
      return;
    }
    const place = this.#find(path);
    if (place === undefined)
      throw new DoesNotApply(
        `replace operation does not apply: doc is missing path: ${path}: missing value`,
      );
    const { container, key } = place;
    // As kube-apiserver: an object's field need not exist to be replaced, a list's item must.
    if (Array.isArray(container) && itemIndex(container, key) === undefined)
      throw new DoesNotApply(
        `replace operation does not apply: doc is missing key: ${path}: missing value`,
      );
    const target = this.#writable(place);
    if (Array.isArray(target)) target[itemIndex(target, key)!] = value;
    else setField(target, key, value);
  }

  #move(operation: JsonPatchOperation): void {
    const from = requireFrom(operation, 'move');
    const source = this.#find(from);
    if (source === undefined)
      throw new DoesNotApply(
        `move operation does not apply: doc is missing from path: ${from}: missing value`,
      );
    const value = within(`error in move for path: '${source.key}'`, () => {
      const found = read(source.container, source.key);
      remove(this.#writable(source), source.key);
      return found;
    });
    const path = requirePath(operation, `move ${noPath}`);
    const target = this.#find(path);
    if (target === undefined)
      throw new DoesNotApply(
        `move operation does not apply: doc is missing destination path: ${path}: missing value`,
      );
    within(`error in move for path: '${path}'`, () =>
      insert(this.#writable(target), target.key, value ?? null),
    );
  }

  #copy(operation: JsonPatchOperation): void {
    const from = requireFrom(operation, 'copy');
    const source = this.#find(from);
    if (source === undefined)
      throw new DoesNotApply(
        `copy operation does not apply: doc is missing from path: ${from}: missing value`,
      );
    const value = within(`error in copy for from: '${from}'`, () =>
      read(source.container, source.key),
    );
    const path = requirePath(operation, 'copy operation failed to decode path: missing value');
    const target = this.#find(path);
    if (target === undefined)
      throw new DoesNotApply(
        `copy operation does not apply: doc is missing destination path: ${path}: missing value`,
      );
    this.#copied += value === undefined ? 0 : stringifyJson(value).length;
    if (this.#copied > maxCopyBytes)
      throw new DoesNotApply(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${maxCopyBytes}`,
      );
    // Shared from here on, so neither place may be changed without a copy.
    if (value !== undefined) this.#disown(value);
    within('error while adding value during copy', () =>
      insert(this.#writable(target), target.key, value ?? null),
    );
  }

  #test(operation: JsonPatchOperation): void {
    const path = requirePath(operation, `test ${noPath}`);
    const expected = operation.value ?? null;
    if (path === '') {
      if (!deepEqual(this.root, expected)) throw new DoesNotApply(testFailed(path));
      return;
    }
    const place = this.#find(path);
    if (place === undefined)
      throw new DoesNotApply(
        `test operation does not apply: is missing path: ${path}: missing value`,
      );
    const found = within(`error in test for path: '${path}'`, () =>
      read(place.container, place.key),
    );
    if (!deepEqual(found ?? null, expected)) throw new DoesNotApply(testFailed(path));
  }

  /** The container that a path ends in, or undefined when the way there is broken. */
  #find(path: string): Place | undefined {
    const parts = path.split('/');
    if (parts.length < 2) return undefined;
    const keys = parts.slice(1).map(decodeKey);
    let container: Json = this.root;
    for (const key of keys.slice(0, -1)) {
      if (!isContainer(container)) return undefined;
      const next: Json | undefined = readOrUndefined(container, key);
      if (next === undefined) return undefined;
      container = next;
    }
    return isContainer(container) ? { keys, container, key: keys.at(-1)! } : undefined;
  }

  /** The place's container, all containers on the way made our own first. */
  #writable({ keys }: Place): Container {
    let container = this.#owned(this.root as Container);
    this.root = container;
    for (const key of keys.slice(0, -1)) {
      const next = this.#owned(readOrUndefined(container, key) as Container);
      if (Array.isArray(container)) container[itemIndex(container, key)!] = next;
      else setField(container, key, next);
      container = next;
    }
    return container;
  }

  #owned(container: Container): Container {
    if (this.#own.has(container)) return container;
    const copy = shallowCopy(container);
    this.#own.add(copy);
    return copy;
  }

  #disown(value: Json): void {
    if (!isContainer(value) || !this.#own.delete(value)) return;
    for (const inner of Object.values(value)) this.#disown(inner as Json);
  }
}

interface Place {
  readonly keys: readonly string[];
  readonly container: Container;
  readonly key: string;
}

const noPath = 'operation failed to decode path: operation missing path field: missing value';

function requirePath({ path }: JsonPatchOperation, otherwise: string): string {
  if (typeof path !== 'string') throw new DoesNotApply(otherwise);
  return path;
}

function requireFrom({ from }: JsonPatchOperation, name: string): string {
  if (typeof from === 'string') return from;
  const why = 'operation, missing from field: missing value';
  throw new DoesNotApply(`${name} operation failed to decode from: ${why}`);
}

function testFailed(path: string): string {
  return `testing value ${path} failed: test failed`;
}

function within<T>(prefix: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof DoesNotApply) throw new DoesNotApply(`${prefix}: ${error.message}`);
    throw error;
  }
}

function decodeKey(key: string): string {
  return key.includes('~') ? key.replace(/~[01]/g, (code) => (code === '~1' ? '/' : '~')) : key;
}

function isContainer(value: Json | undefined): value is Container {
  return typeof value === 'object' && value !== null;
}

function shallowCopy(container: Container): Container {
  return Array.isArray(container) ? [...container] : { ...container };
}

/** A list index as Go's Atoi reads it: a sign and leading zeros are allowed. */
function parseIndex(key: string): number | undefined {
  return /^[-+]?\d{1,15}$/.test(key) ? Number(key) : undefined;
}

/** The position that a key names in a list; negative ones count from the end. */
function itemIndex(list: Json[], key: string): number | undefined {
  const index = parseIndex(key);
  if (index === undefined || index >= list.length || index < -list.length) return undefined;
  return index < 0 ? index + list.length : index;
}

function requireIndex(list: Json[], key: string): number {
  const index = parseIndex(key);
  if (index === undefined)
    throw new DoesNotApply(`strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  return itemIndex(list, key) ?? invalidIndex(index);
}

function invalidIndex(index: number): never {
  throw new DoesNotApply(`Unable to access invalid index: ${index}: invalid index referenced`);
}

function readOrUndefined(container: Container, key: string): Json | undefined {
  if (Array.isArray(container)) {
    const index = itemIndex(container, key);
    return index === undefined ? undefined : container[index];
  }
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function read(container: Container, key: string): Json | undefined {
  if (Array.isArray(container)) return container[requireIndex(container, key)];
  return readOrUndefined(container, key);
}

function remove(container: Container, key: string): void {
  if (Array.isArray(container)) {
    container.splice(requireIndex(container, key), 1);
    return;
  }
  if (!Object.hasOwn(container, key))
    throw new DoesNotApply(`Unable to remove nonexistent key: ${key}: missing value`);
  delete container[key];
}

function insert(container: Container, key: string, value: Json): void {
  if (!Array.isArray(container)) {
    setField(container, key, value);
    return;
  }
  if (key === '-') {
    container.push(value);
    return;
  }
  const index = parseIndex(key);
  if (index === undefined) {
    const why = `strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`;
    throw new DoesNotApply(`value was not a proper array index: '${key}': ${why}`);
  }
  const places = container.length + 1;
  if (index >= places || index < -places) invalidIndex(index);
  container.splice(index < 0 ? index + places : index, 0, value);
}
