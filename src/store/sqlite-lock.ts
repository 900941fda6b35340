/**
 * One process per data folder: a lock of the operating system, which ends with its holder however
 * that dies.
 */
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../base/errors.ts';

/**
 * Holds the lock until close() is called on what is returned. An empty SQLite file serves as the
 * lock, for Node has no file locks of its own and SQLite's also hold between two stores of one
 * process.
 */
export function lockFolder(path: string, folder: string): { close(): void } {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    throw new UserError(
      `the data folder ${folder} is in use by another process`,
      'Stop the other one first, or choose another data folder.',
      { cause: error },
    );
  }
}
