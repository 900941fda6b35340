/**
 * The program's log: JSON lines on standard error by pino, behind the Logger that everything takes.
 */
import pino from 'pino';
import type { LogFields, Logger } from '../base/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export function createLogger(level: LogLevel): Logger {
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    pino.destination({ fd: 2, sync: true }),
  );
  const at =
    (write: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}): void =>
      log[write](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
