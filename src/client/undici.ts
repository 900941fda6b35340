/**
 * The one part of undici that everybody needs. Its entry brings fetch, WebSocket, caches and mocks
 * along: a megabyte of code that every server would hold.
 */
import { createRequire } from 'node:module';
import type undici from 'undici';

const load = createRequire(import.meta.url);

export const Pool = load('undici/lib/dispatcher/pool.js') as typeof undici.Pool;

/** Only where a proxy is asked for: it works with all of undici loaded. */
export function proxyAgent(options: undici.ProxyAgent.Options): undici.ProxyAgent {
  const { ProxyAgent } = load('undici') as typeof undici;
  return new ProxyAgent(options);
}
