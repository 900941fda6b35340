/**
 * kube-apiserver's static token file: `token,user,uid,"group1,group2"` per line, read again when it
 * changes.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { messageOf, UserError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { User } from '../backend.ts';

/** How often the file is looked at, at most. */
const lookEveryMs = 1000;

/**
 * Users by the SHA-256 of their token: a look-up tells nothing about tokens that are nearly right.
 */
export type TokenTable = ReadonlyMap<string, User>;

export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/**
 * Parses a token file.
 * @throws UserError naming the line that is wrong
 */
export function parseTokenFile(text: string): TokenTable {
  const users = new Map<string, User>();
  for (const { fields, line } of parseCsv(text)) {
    const [token = '', name = '', uid = '', groups = ''] = fields;
    if (fields.length < 3)
      throw new UserError(
        `line ${line} of the token file has ${fields.length} columns, at least 3 are needed`,
        'Write each line as token,user,uid or token,user,uid,"group1,group2".',
      );
    if (token === '') continue;
    users.set(tokenDigest(token), {
      name,
      uid,
      groups: groups === '' ? [] : groups.split(',').map((group) => group.trim()),
      extra: {},
    });
  }
  return users;
}

interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const start = line;
    const fields: string[] = [];
    for (;;) {
      const field = text[at] === '"' ? quotedField(text, at, line) : plainField(text, at);
      fields.push(field.value);
      line += field.value.split('\n').length - 1;
      at = field.end;
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    else if (at < text.length) throw malformed(line);
    line++;
    if (fields.length > 1 || fields[0]!.trim() !== '') records.push({ fields, line: start });
  }
  return records;
}

function plainField(text: string, start: number): { value: string; end: number } {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') end++;
  const value = text.slice(start, end).replace(/\r$/, '');
  return { value, end };
}

function quotedField(text: string, start: number, line: number): { value: string; end: number } {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') value += text[at];
    else if (text[at + 1] === '"') {
      value += '"';
      at++;
    } else return { value, end: at + 1 };
  }
  throw malformed(line);
}

function malformed(line: number): UserError {
  return new UserError(
    `line ${line} of the token file is no CSV: its quotes do not match`,
    'Quote a field with commas as "a,b" and write a quote in it twice.',
  );
}

/** A token file on disk. Changes are seen at the next request, a second later at most. */
export class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #users: TokenTable;
  #seen: string;
  #looked: number;

  /** @throws UserError when the file cannot be read or is malformed */
  constructor(path: string, clock: Clock, log: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#looked = clock.monotonic();
    try {
      this.#seen = this.#state();
      this.#users = parseTokenFile(readFileSync(path, 'utf8'));
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(
        `the token file ${path} cannot be read: ${messageOf(error)}`,
        'Check the path and its permissions.',
        { cause: error },
      );
    }
  }

  verify(token: string): User | undefined {
    this.#refresh();
    return this.#users.get(tokenDigest(token));
  }

  #state(): string {
    const { mtimeMs, size, ino } = statSync(this.#path);
    return `${mtimeMs} ${size} ${ino}`;
  }

  #refresh(): void {
    const now = this.#clock.monotonic();
    if (now - this.#looked < lookEveryMs) return;
    this.#looked = now;
    try {
      const state = this.#state();
      if (state === this.#seen) return;
      this.#users = parseTokenFile(readFileSync(this.#path, 'utf8'));
      this.#seen = state;
      this.#log.info('the token file was read again', { tokens: this.#users.size });
    } catch (error) {
      this.#log.error('the token file cannot be read, the tokens from before stay valid', {
        error: error instanceof Error ? error.name : typeof error,
      });
    }
  }
}
