/** I4: when faults have ended, every member holds exactly the right copies, and statuses add up. */
import { type KubeObject, valueAt } from '../../src/kube/object.ts';
import { selectorAnnotation } from '../../src/placement/preferences.ts';
import type { Faults } from '../faults.ts';
import { type SimKind, simKinds } from '../kinds.ts';
import { storeKey } from '../mirror.ts';
import { namespaces } from '../operations.ts';
import type { SimMember, World } from '../world.ts';
import {
  type Checker,
  clusterObject,
  decisionOf,
  isBlocked,
  isLeaving,
  markIn,
} from './checker.ts';

export function convergence(): Checker {
  return {
    name: 'I4',
    atRest(world, faults) {
      const joined = [...world.members.values()].filter(
        ({ name }) => clusterObject(world, name) !== undefined && !isLeaving(world, name),
      );
      return simKinds.flatMap((kind) => [
        ...missing(world, kind, joined),
        ...orphans(world, kind, { joined, faults }),
      ]);
    },
  };
}

function missing(world: World, kind: SimKind, joined: readonly SimMember[]): string[] {
  return world.mirror.under(storeKey({ ...kind, name: '' })).flatMap(([key, template]) => {
    const { uid, namespace, deletionTimestamp } = template.metadata;
    if (!namespaces.includes(namespace!)) return [];
    if (deletionTimestamp !== undefined) return [`${key} is still being deleted`];
    const decision = decisionOf(world, uid!);
    const chosen = Object.keys(decision?.clusters ?? {});
    const expected = expectedClusters(world, { kind, template, joined });
    const wrong: string[] = [];
    if (expected !== undefined && expected.join() !== chosen.toSorted().join()) {
      wrong.push(`${key}: chosen ${chosen}, expected ${expected}`);
    }
    if (kind.mode === 'One' && chosen.length !== 1) wrong.push(`${key}: chosen ${chosen}, not one`);
    let ready = 0;
    for (const member of joined.filter(({ name }) => chosen.includes(name))) {
      const copy = member.mirror.get(key);
      if (copy !== undefined && markIn(world, member.name, copy) === undefined) continue;
      const share = decision!.clusters[member.name]!.share;
      const problem = differs(world, { kind, template, copy, share, member });
      if (problem !== undefined) wrong.push(`${key} in ${member.name}: ${problem}`);
      ready += Number(valueAt(copy, 'status', 'readyReplicas') ?? 0);
    }
    if (kind.scalable && !isBlocked(world, key))
      wrong.push(...statusProblems(key, template, ready));
    return wrong;
  });
}

/** By the user's words alone; undefined: the planner may choose. */
function expectedClusters(
  world: World,
  about: { kind: SimKind; template: KubeObject; joined: readonly SimMember[] },
): string[] | undefined {
  if (about.kind.mode !== 'Copy') return undefined;
  const selects = about.template.metadata.annotations?.[selectorAnnotation] !== undefined;
  return about.joined
    .map(({ name }) => name)
    .filter((name) => !selects || clusterObject(world, name)?.metadata.labels?.['tier'] === 'gold')
    .sort();
}

interface Compared {
  readonly kind: SimKind;
  readonly template: KubeObject;
  readonly copy: KubeObject | undefined;
  readonly share: number | undefined;
  readonly member: SimMember;
}

function differs(world: World, compared: Compared): string | undefined {
  const { kind, template, copy, share, member } = compared;
  if (copy === undefined) return 'there is no copy';
  const mark = markIn(world, member.name, copy)!;
  if (mark.uid !== template.metadata.uid) return `it is a copy of ${mark.uid}`;
  for (const field of ['sim/marker', 'note']) {
    const wanted = template.metadata.annotations?.[field];
    const found = copy.metadata.annotations?.[field];
    if (wanted !== found) return `${field} is ${found} instead of ${wanted}`;
  }
  const colour = template.metadata.labels?.['colour'];
  if (copy.metadata.labels?.['colour'] !== colour) return `its label is not ${colour}`;
  const [found, wanted] = [kind.markerIn(copy), kind.markerIn(template)];
  if (found !== wanted) return `its content is that of ${found} instead of ${wanted}`;
  const replicas = valueAt(copy, 'spec', 'replicas');
  if (share !== undefined && replicas !== share) return `replicas ${replicas}, share ${share}`;
  return undefined;
}

function statusProblems(key: string, template: KubeObject, ready: number): string[] {
  const said = Number(valueAt(template, 'status', 'readyReplicas') ?? 0);
  const observed = valueAt(template, 'status', 'observedGeneration');
  const problems: string[] = [];
  if (said !== ready) problems.push(`${key}: status says ${said} ready, copies say ${ready}`);
  if (observed !== template.metadata.generation) {
    problems.push(`${key}: observedGeneration ${observed} of ${template.metadata.generation}`);
  }
  return problems;
}

/** Marked objects that nothing asks for. */
function orphans(
  world: World,
  kind: SimKind,
  { joined, faults }: { joined: readonly SimMember[]; faults: Faults },
): string[] {
  return joined.flatMap((member) =>
    member.mirror.under(storeKey({ ...kind, name: '' })).flatMap(([key, object]) => {
      const mark = markIn(world, member.name, object);
      if (mark === undefined || faults.forgotten.has(mark.uid)) return [];
      const template = world.mirror.get(key);
      const asked = decisionOf(world, mark.uid)?.clusters[member.name] !== undefined;
      if (template?.metadata.uid === mark.uid && asked) return [];
      return [`${key} in ${member.name} is an orphan of ${mark.uid}`];
    }),
  );
}
