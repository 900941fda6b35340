/** What a terminating namespace says about itself, in kube-controller-manager's words. */
import type { JsonObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import { formatTime } from '../kube/time.ts';

/** What deleting everything of one type left behind. */
export interface Remains {
  readonly type: ResourceType;
  readonly count: number;
  /** Of all its objects, with repetitions. */
  readonly finalizers: readonly string[];
}

export interface Content {
  readonly remains: readonly Remains[];
  /** Why types could not be emptied. */
  readonly failures: readonly string[];
}

interface Said {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** What each type of condition says when all is well. */
const well: Readonly<Record<string, readonly [reason: string, message: string]>> = {
  NamespaceDeletionDiscoveryFailure: [
    'ResourcesDiscovered',
    'All resources successfully discovered',
  ],
  NamespaceDeletionGroupVersionParsingFailure: [
    'ParsedGroupVersions',
    'All legacy kube types successfully parsed',
  ],
  NamespaceDeletionContentFailure: [
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  NamespaceContentRemaining: ['ContentRemoved', 'All content successfully removed'],
  NamespaceFinalizersRemaining: [
    'ContentHasNoFinalizers',
    'All content-preserving finalizers finished',
  ],
};

/** All conditions of the namespace's status; undefined when `old` says so already. */
export function namespaceConditions(
  content: Content,
  old: unknown,
  nowMs: number,
): JsonObject[] | undefined {
  const before = (Array.isArray(old) ? old : []) as JsonObject[];
  const bad = problems(content);
  let changed = false;
  const ours = Object.entries(well).map(([type, [reason, message]]) => {
    const said = bad.get(type) ?? { status: 'False', reason, message };
    const known = before.find((each) => each['type'] === type);
    if (
      known?.['status'] === said.status &&
      known['reason'] === said.reason &&
      known['message'] === said.message
    )
      return known;
    changed = true;
    const same = known?.['status'] === said.status;
    const lastTransitionTime = same ? known!['lastTransitionTime']! : formatTime(nowMs);
    return { type, ...said, lastTransitionTime };
  });
  if (!changed) return undefined;
  const others = before.filter(({ type }) => !Object.hasOwn(well, String(type)));
  return [...others, ...ours];
}

function problems({ remains, failures }: Content): Map<string, Said> {
  const bad = new Map<string, Said>();
  const say = (type: string, reason: string, message: string): void =>
    void bad.set(type, { status: 'True', reason, message });
  if (failures.length > 0) {
    const list = [...failures].sort().join(', ');
    const message = `Failed to delete all resource types, ${failures.length} remaining: ${list}`;
    say('NamespaceDeletionContentFailure', 'ContentDeletionFailed', message);
  }
  if (remains.length > 0) {
    const counts = remains.map(
      ({ type, count }) => `${type.resource}.${type.group} has ${count} resource instances`,
    );
    const message = `Some resources are remaining: ${counts.sort().join(', ')}`;
    say('NamespaceContentRemaining', 'SomeResourcesRemain', message);
  }
  const finalizers = new Map<string, number>();
  for (const name of remains.flatMap((each) => each.finalizers))
    finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  if (finalizers.size > 0) {
    const waits = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`);
    const list = waits.sort().join(', ');
    const message = `Some content in the namespace has finalizers remaining: ${list}`;
    say('NamespaceFinalizersRemaining', 'SomeFinalizersRemain', message);
  }
  return bad;
}
