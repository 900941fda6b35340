/** Reads a recording of a real kube-apiserver's types, as scripts/record/snapshot.ts writes it. */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import type { AggregatedDiscovery } from './discovered.ts';
import { OpenapiDocument } from './documents.ts';

export interface Recorded {
  readonly version: string;
  readonly discovery: AggregatedDiscovery;
  readonly openapiV3: Map<string, OpenapiDocument>;
}

export function readRecorded(file: URL): Recorded {
  const recorded = JSON.parse(brotliDecompressSync(readFileSync(file)).toString('utf8'));
  const documents = Object.entries(
    recorded.openapiV3 as Record<string, { hash: string; text: string }>,
  );
  return {
    version: recorded.version,
    discovery: recorded.discovery,
    openapiV3: new Map(
      documents.map(([path, { hash, text }]) => [
        path,
        new OpenapiDocument(hash, Buffer.from(text)),
      ]),
    ),
  };
}

let baseTypes: Recorded | undefined;

/** The few types that are needed before any member has joined; read once. */
export function readBaseTypes(): Recorded {
  baseTypes ??= readRecorded(new URL('../data/base-types.json.br', import.meta.url));
  return baseTypes;
}
