/**
 * The refusal of an apply that would take fields from other managers, in kube-apiserver's words.
 */
import type { Owner } from './owners.ts';
import { describePath } from './path-element.ts';
import { quoteGo } from './quote.ts';
import { ApiError } from './status.ts';

export interface Conflict {
  /** Of the owner; conflicts are told in its order. */
  readonly identity: string;
  readonly owner: Owner;
  readonly path: readonly string[];
}

/** 409 with one FieldManagerConflict cause per field. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${described(owner)}`,
    field: describePath(path),
  }));
  return new ApiError('Conflict', messageOf(conflicts), { details: { causes } });
}

function described({ manager, subresource, operation, apiVersion }: Owner): string {
  const name = quoteGo(manager);
  const who = subresource === '' ? name : `${name} with subresource ${quoteGo(subresource)}`;
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${described(first.owner)}: ${describePath(first.path)}`;
  const byOwner = new Map<string, Conflict[]>();
  for (const conflict of conflicts) {
    const group = byOwner.get(conflict.identity);
    if (group === undefined) byOwner.set(conflict.identity, [conflict]);
    else group.push(conflict);
  }
  const lines = [...byOwner]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => [
      `conflicts with ${described(group[0]!.owner)}:`,
      ...group.map(({ path }) => `- ${describePath(path)}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
