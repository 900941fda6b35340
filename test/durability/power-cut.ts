/**
 * What a power cut leaves of a folder's files, told from the notes that power-cut.c made of a
 * process.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fraction, type Random } from '../../src/base/random.ts';

/** File names and contents. */
export type Image = ReadonlyMap<string, Buffer>;

/** Compiles the library to preload; undefined when there is no C compiler. */
export function compileShim(folder: string): string | undefined {
  const source = fileURLToPath(new URL('power-cut.c', import.meta.url));
  const library = join(folder, 'power-cut.so');
  const gcc = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  if (gcc.error !== undefined) return undefined;
  if (gcc.status !== 0) throw new Error(`power-cut.c does not compile: ${gcc.stderr}`);
  return library;
}

export function readImage(folder: string): Image {
  const names = readdirSync(folder).filter((name) => !name.endsWith('-shm'));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}

export function writeImage(folder: string, image: Image): void {
  for (const [name, content] of image) writeFileSync(join(folder, name), content);
}

type Edit = { readonly offset: number; readonly data: Buffer } | { readonly truncatedTo: number };

/** One file under whatever names: what is on the disk for sure, and what may be. */
interface File {
  synced: Buffer;
  unsynced: Edit[];
}

/** One thing that the process did. */
export interface Note {
  /** Create, Write, Truncate, Sync or Unlink; A: what it printed. */
  readonly operation: string;
  readonly name: string;
  readonly offset: number;
  readonly data: Buffer;
}

/** What stood on the disk at the moment when these notes end. */
export class Disk {
  /** What the process had printed. */
  readonly printed: string;

  /** Names as the process sees them, and as they are on the disk for sure. */
  readonly #names: Map<string, File>;
  #syncedNames: Map<string, File>;

  constructor(before: Image, notes: readonly Note[]) {
    this.#names = new Map(
      Array.from(before, ([name, synced]) => [name, { synced, unsynced: [] as Edit[] }]),
    );
    this.#syncedNames = new Map(this.#names);
    const printed: Buffer[] = [];
    for (const { operation, name, offset, data } of notes) {
      const file = this.#names.get(name);
      if (operation === 'A') printed.push(data);
      else if (operation === 'C') this.#names.set(name, { synced: Buffer.alloc(0), unsynced: [] });
      else if (operation === 'U') this.#names.delete(name);
      else if (operation === 'S' && name === '') this.#syncedNames = new Map(this.#names);
      else if (file === undefined) throw new Error(`${operation} on the unknown file ${name}`);
      else if (operation === 'W') file.unsynced.push({ offset, data });
      else if (operation === 'T') file.unsynced.push({ truncatedTo: offset });
      else if (operation === 'S') {
        file.synced = apply(file.synced, file.unsynced);
        file.unsynced = [];
      } else throw new Error(`unknown operation ${operation}`);
    }
    this.printed = Buffer.concat(printed).toString();
  }

  /** Writes that a power cut may take back. */
  get unsyncedWrites(): number {
    return [...this.#names.values()].reduce((sum, { unsynced }) => sum + unsynced.length, 0);
  }

  /** Only what was synced. */
  strict(): Image {
    return new Map(Array.from(this.#syncedNames, ([name, { synced }]) => [name, synced]));
  }

  /**
   * What was synced, and any part of the rest: some writes, some sectors of a write, some names.
   */
  torn(random: Random): Image {
    const image = new Map<string, Buffer>();
    for (const name of new Set([...this.#syncedNames.keys(), ...this.#names.keys()])) {
      const names = fraction(random) < 0.5 ? this.#names : this.#syncedNames;
      const file = names.get(name);
      if (file === undefined) continue;
      const kept = file.unsynced.flatMap((edit) => tear(edit, random));
      image.set(name, apply(file.synced, kept));
    }
    return image;
  }
}

const headerBytes = 24;

/** Reads the notes of a process, one after the other. */
export function* readNotes(log: Buffer): Generator<Note> {
  for (let at = 0; at + headerBytes <= log.length; ) {
    const nameEnd = at + headerBytes + log.readUInt32LE(at + 4);
    const end = nameEnd + log.readUInt32LE(at + 16);
    // The last record may be cut off: then its operation was not done.
    if (end > log.length) return;
    yield {
      operation: String.fromCharCode(log.readUInt32LE(at)),
      name: log.toString('utf8', at + headerBytes, nameEnd),
      offset: Number(log.readBigUInt64LE(at + 8)),
      data: log.subarray(nameEnd, end),
    };
    at = end;
  }
}

function apply(before: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return before;
  let size = before.length;
  let most = size;
  for (const edit of edits) {
    size =
      'truncatedTo' in edit ? edit.truncatedTo : Math.max(size, edit.offset + edit.data.length);
    most = Math.max(most, size);
  }
  const content = Buffer.alloc(most);
  before.copy(content);
  let end = before.length;
  for (const edit of edits) {
    if ('truncatedTo' in edit) {
      content.fill(0, Math.min(edit.truncatedTo, end));
      end = edit.truncatedTo;
    } else {
      edit.data.copy(content, edit.offset);
      end = Math.max(end, edit.offset + edit.data.length);
    }
  }
  return content.subarray(0, size);
}

const sectorBytes = 512;

/** All of an edit, nothing, or some of the sectors that it touches. */
function tear(edit: Edit, random: Random): Edit[] {
  const chance = fraction(random);
  if (chance < 0.4) return [];
  if (chance < 0.8 || 'truncatedTo' in edit) return [edit];
  const sectors: Edit[] = [];
  const { offset, data } = edit;
  for (let at = 0; at < data.length; ) {
    const next = Math.min(data.length, at + sectorBytes - ((offset + at) % sectorBytes));
    if (fraction(random) < 0.5) {
      sectors.push({ offset: offset + at, data: data.subarray(at, next) });
    }
    at = next;
  }
  return sectors;
}
