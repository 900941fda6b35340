/**
 * Audit events as lines in a file that is turned over by size, or on standard output. Requests
 * never wait for it: what the disk does not take in time is dropped and counted.
 */
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics, Value } from '../../base/metrics.ts';
import type { AuditSink } from './trail.ts';

export interface AuditFileOptions {
  /** `-` is standard output. */
  readonly path: string;
  /** Older files with a date in their names are deleted after so many days; 0: never. */
  readonly maxAgeDays: number;
  /** How many older files are kept; 0: all. */
  readonly maxBackups: number;
  /** A file greater than this is turned over, MiB. */
  readonly maxSizeMiB: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: Metrics;
}

/** Waiting lines above this are dropped, characters. */
const waitingMax = 32 * 1024 * 1024;
const batchBytes = 1024 * 1024;
const retryMs = 1000;
const complainEveryMs = 30_000;
const dayMs = 24 * 3600_000;

export class AuditFile implements AuditSink {
  readonly #options: AuditFileOptions;
  readonly #failed: Value | undefined;
  #lines: string[] = [];
  #waiting = 0;
  #file: FileHandle | undefined;
  #size = 0;
  #writing: Promise<void> | undefined;
  #complainedAt = Number.NEGATIVE_INFINITY;
  #closing = false;

  private constructor(options: AuditFileOptions) {
    this.#options = options;
    const help = 'Audit events that could not be written.';
    this.#failed = options.metrics
      ?.counter('apiserver_audit_error_total', help, ['plugin'])
      .of('log');
  }

  /** Opens the file, or makes it. @throws when neither can be done */
  static async open(options: AuditFileOptions): Promise<AuditFile> {
    const file = new AuditFile(options);
    await file.#open();
    return file;
  }

  write(line: string): void {
    if (this.#waiting + line.length > waitingMax) {
      this.#failed?.add();
      this.#complain('audit events are dropped, the log cannot keep up', '');
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    this.#writing ??= this.#drain();
  }

  /** Writes what waits, for at most `ms`. */
  async close(ms: number): Promise<void> {
    this.#closing = true;
    if (this.#writing !== undefined)
      await Promise.race([this.#writing, sleep(this.#options.clock, ms)]);
    if (this.#options.path !== '-') await this.#file?.close();
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0) {
      const batch = this.#take();
      for (let rest = Buffer.from(batch); rest.length > 0; ) {
        try {
          if (this.#size >= this.#options.maxSizeMiB * 1024 * 1024) await this.#turnOver();
          const written = await this.#append(rest);
          this.#size += written;
          rest = rest.subarray(written);
        } catch (error) {
          this.#complain('the audit log cannot be written', messageOf(error));
          if (this.#closing) break;
          await sleep(this.#options.clock, retryMs);
        }
      }
      this.#waiting -= batch.length;
    }
    this.#waiting = 0;
    this.#writing = undefined;
  }

  #take(): string {
    let size = 0;
    let count = 0;
    while (count < this.#lines.length && size < batchBytes) size += this.#lines[count++]!.length;
    return this.#lines.splice(0, count).join('');
  }

  async #append(bytes: Buffer): Promise<number> {
    if (this.#options.path === '-') {
      await new Promise<void>((resolve, reject) =>
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())),
      );
      return bytes.length;
    }
    if (this.#file === undefined) await this.#open();
    return (await this.#file!.write(bytes)).bytesWritten;
  }

  async #open(): Promise<void> {
    if (this.#options.path === '-') return;
    this.#file = await open(this.#options.path, 'a', 0o600);
    this.#size = (await this.#file.stat()).size;
  }

  /** The file gets the time into its name, and a new one takes its place. */
  async #turnOver(): Promise<void> {
    const { path, clock } = this.#options;
    if (path === '-') return;
    await this.#file?.close();
    this.#file = undefined;
    const time = new Date(clock.now()).toISOString().replaceAll(':', '-').replace('Z', '');
    await rename(path, backupName(path, time));
    await this.#open();
    await this.#deleteOld().catch((error: unknown) =>
      this.#complain('old audit logs cannot be deleted', messageOf(error)),
    );
  }

  async #deleteOld(): Promise<void> {
    const { path, maxBackups, maxAgeDays, clock } = this.#options;
    const folder = dirname(path);
    const [before, after] = splitName(path);
    const backups = (await readdir(folder))
      .filter((name) => name.startsWith(`${before}-`) && name.endsWith(after))
      .map((name) => ({
        name,
        time: timeIn(name.slice(before.length + 1, name.length - after.length)),
      }))
      .filter(({ time }) => !Number.isNaN(time))
      .sort((a, b) => b.time - a.time);
    const oldest = maxAgeDays === 0 ? Number.NEGATIVE_INFINITY : clock.now() - maxAgeDays * dayMs;
    for (const [index, { name, time }] of backups.entries())
      if ((maxBackups > 0 && index >= maxBackups) || time < oldest)
        await unlink(join(folder, name));
  }

  #complain(message: string, error: string): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#complainedAt < complainEveryMs) return;
    this.#complainedAt = now;
    this.#options.log.error(message, { error });
  }
}

/** `audit.log` → `audit` and `.log`. */
function splitName(path: string): [string, string] {
  const name = basename(path);
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
}

function backupName(path: string, time: string): string {
  const [before, after] = splitName(path);
  return join(dirname(path), `${before}-${time}${after}`);
}

/** Milliseconds since the epoch of `2026-11-25T03-24-26.000`; NaN when it is no such time. */
function timeIn(text: string): number {
  const match = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text);
  return match === null ? Number.NaN : Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`);
}
