/** What a member says that it serves, within bounds, its documents packed. */
import type { Logger } from '../../base/log.ts';
import { type AggregatedDiscovery, sanitize } from './discovered.ts';
import type { Documents, OpenapiDocument } from './documents.ts';
import { documentPath, type TypeSet } from './union.ts';

/** What one member serves. */
export interface MemberTypes {
  /**
   * gitVersion, such as v1.37.2: of two documents of one group version the one of the newer member
   * wins.
   */
  readonly version: string;
  readonly discovery: AggregatedDiscovery;
  /** By path as in the root document: 'api/v1', 'apis/apps/v1'. */
  readonly openapiV3: ReadonlyMap<string, OpenapiDocument>;
}

/** Bounds of what one member may bring: bytes of one document, of all. */
const documentBytesMax = 20 * 2 ** 20;
const memberBytesMax = 128 * 2 ** 20;

function isReserved(group: string): boolean {
  return (
    group === 'rbac.authorization.k8s.io' ||
    group === 'ubernetes.dev' ||
    group.endsWith('.ubernetes.dev')
  );
}

export function memberSet(
  name: string,
  types: MemberTypes,
  { documents: kept, logger }: { documents: Documents; logger: Logger },
): TypeSet {
  const { items } = sanitize(types.discovery, isReserved);
  const paths = new Set(
    items.flatMap(({ metadata, versions }) =>
      versions.map(({ version }) => documentPath({ group: metadata.name ?? '', version })),
    ),
  );
  const documents = new Map<string, string>();
  let left = memberBytesMax;
  for (const [path, document] of types.openapiV3) {
    if (!paths.has(path)) continue;
    left -= document.size;
    if (document.size > documentBytesMax || left < 0)
      logger.warn('an OpenAPI document of a member is too large', { member: name, path });
    else if (document.isWhole) documents.set(path, kept.add(document));
    else logger.warn('an OpenAPI document of a member is no whole JSON', { member: name, path });
  }
  return { name, version: String(types.version).slice(0, 64), groups: items, documents };
}
