/** Which of the names that a CustomResourceDefinition asks for it gets. Pure. */
import { listAt } from '../apiserver/custom/custom-kind.ts';
import { type Condition, withCondition } from '../apiserver/custom/definition-rules.ts';
import { deepEqual } from '../kube/json.ts';
import { type JsonObject, type KubeObject, objectAt } from '../kube/object.ts';
import { quoteGo } from '../kube/quote.ts';

/**
 * The definition with its accepted names and the conditions about them; itself when nothing is new.
 * `others`: of the same group.
 */
export function acceptNames(
  definition: KubeObject,
  others: readonly KubeObject[],
  now: number,
): KubeObject {
  const wanted = objectAt(definition, 'spec', 'names') ?? {};
  const before = objectAt(definition, 'status', 'acceptedNames') ?? {};
  if (deepEqual(wanted, before)) return definition;
  const { names, conflict } = settle(wanted, before, takenBy(others));
  const accepted: Condition = conflict ?? {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  };
  const status = { ...objectAt(definition, 'status'), acceptedNames: names };
  const named = withCondition({ ...definition, status }, now, accepted);
  const known = listAt(definition, 'status', 'conditions').some(
    (each) => objectAt(each)?.type === 'Established',
  );
  const done = known
    ? named
    : withCondition(named, now, {
        type: 'Established',
        status: 'False',
        reason: conflict === undefined ? 'Installing' : 'NotAccepted',
        message:
          conflict === undefined
            ? 'the initial names have been accepted'
            : 'not all names are accepted',
      });
  return deepEqual(done['status'], definition['status']) ? definition : done;
}

interface Taken {
  readonly resources: ReadonlySet<unknown>;
  readonly kinds: ReadonlySet<unknown>;
}

function takenBy(others: readonly KubeObject[]): Taken {
  const resources = new Set<unknown>();
  const kinds = new Set<unknown>();
  for (const other of others) {
    const { plural, singular, kind, listKind } =
      objectAt(other, 'status', 'acceptedNames') ?? ({} as JsonObject);
    for (const name of [
      plural,
      singular,
      ...listAt(other, 'status', 'acceptedNames', 'shortNames'),
    ])
      resources.add(name);
    kinds.add(kind).add(listKind);
  }
  return { resources, kinds };
}

/** Each name by itself: the last one that is taken is told. */
function settle(
  wanted: JsonObject,
  before: JsonObject,
  { resources, kinds }: Taken,
): { names: JsonObject; conflict: Condition | undefined } {
  const names: JsonObject = { ...before };
  let conflict: Condition | undefined;
  const refuse = (reason: string, message: string): void => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  const take = (field: string, taken: ReadonlySet<unknown>, reason: string): void => {
    const name = wanted[field];
    if (name === before[field] || !taken.has(name)) {
      if (name !== undefined) names[field] = name;
    } else refuse(reason, `${quoteGo(String(name))} is already in use`);
  };
  take('plural', resources, 'PluralConflict');
  take('singular', resources, 'SingularConflict');
  const owned = new Set(listAt(before, 'shortNames'));
  const lost = listAt(wanted, 'shortNames').filter(
    (name) => !owned.has(name) && resources.has(name),
  );
  if (lost.length > 0) {
    const each = lost.map((name) => `${quoteGo(String(name))} is already in use`);
    refuse('ShortNamesConflict', each.length === 1 ? each[0]! : `[${each.join(', ')}]`);
  } else if (wanted.shortNames !== undefined) names.shortNames = wanted.shortNames;
  else delete names.shortNames;
  take('kind', kinds, 'KindConflict');
  take('listKind', kinds, 'ListKindConflict');
  if (wanted.categories === undefined) delete names.categories;
  else names.categories = wanted.categories;
  return { names, conflict };
}
