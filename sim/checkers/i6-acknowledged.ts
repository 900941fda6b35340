/** I6: what was acknowledged to a user is there after any crash, and what was refused is not. */
import { markerAnnotation } from '../kinds.ts';
import { storeKey } from '../mirror.ts';
import { absent, type Known } from '../model.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';

export function acknowledged(): Checker {
  return {
    name: 'I6',
    onServe(world) {
      for (const problem of problems(world)) world.violation('I6', problem);
      // What was not certain is certain now.
      for (const { known } of world.model.all()) {
        world.model.acknowledged(known, storedMarker(world, known));
      }
    },
    atRest: problems,
  };
}

function problems(world: World): string[] {
  return world.model.all().flatMap(({ known, markers }) => {
    const found = storedMarker(world, known);
    if (markers.has(found)) return [];
    const who = `${known.resource} ${known.namespace}/${known.name}`;
    return [`${who} has marker ${found}, users know ${[...markers]}`];
  });
}

function storedMarker(world: World, known: Known): number {
  const object = world.mirror.get(storeKey(known));
  return object === undefined ? absent : Number(object.metadata.annotations?.[markerAnnotation]);
}
