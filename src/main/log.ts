/**
 * The program's log on standard error behind the Logger that everything takes: JSON lines by pino,
 * or text for people.
 */
import { writeSync } from 'node:fs';
import pino from 'pino';
import type { LogFields, Logger } from '../base/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFormat = 'json' | 'text';

export function createLogger(level: LogLevel, format: LogFormat = 'json'): Logger {
  const destination =
    format === 'json' ? pino.destination({ fd: 2, sync: true }) : { write: writeAsText };
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    destination,
  );
  const at =
    (write: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}): void =>
      log[write](fields, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** `2026-11-23T08:50:00.000Z INFO a member joined cluster=eu-west`. */
export function textLine(json: string): string {
  const { level, time, message, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const name = pino.levels.labels[Number(level)]?.toUpperCase() ?? 'INFO';
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`);
  return `${[time, name.padEnd(5), message, ...pairs].join(' ')}\n`;
}

function textOf(value: unknown): string {
  const text = String(value);
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}

function writeAsText(json: string): void {
  writeSync(2, textLine(json));
}
