/** A part of the recorded types, for members that have to be made quickly. */
import type { MemberTypes } from '../apiserver/catalog.ts';
import { loadSnapshot } from './snapshot.ts';

/**
 * The recording without the groups that `keep` refuses: for fleets that have to be made quickly.
 */
export function someTypes(keep: (group: string, version: string) => boolean): MemberTypes {
  const { version, discovery, openapiV3 } = loadSnapshot();
  const items = discovery.items.flatMap((item) => {
    const group = item.metadata.name ?? '';
    const versions = item.versions.filter((each) => keep(group, each.version));
    return versions.length === 0 ? [] : [{ ...item, versions }];
  });
  const paths = new Set(
    items.flatMap(({ metadata: { name = '' }, versions }) =>
      versions.map((each) => `${name === '' ? 'api' : `apis/${name}`}/${each.version}`),
    ),
  );
  const documents = [...openapiV3].filter(([path]) => paths.has(path));
  return { version, discovery: { items }, openapiV3: new Map(documents) };
}
