/** Time, randomness and sockets come through constructors, so that one seed replays everything. */
import {
  adapters,
  bannedImports,
  bannedMembers,
  bannedModules,
  bannedNames,
  isTest,
} from './house.ts';
import type { Import, Source, Violation } from './source.ts';

/** Calls and imports that only src/base/ and the named adapters may use. */
export function bannedCalls(sources: readonly Source[]): Violation[] {
  return sources.filter(({ path }) => isBound(path)).flatMap(violationsOf);
}

function isBound(path: string): boolean {
  return path.startsWith('src/') && !isTest(path) && !adapters.some((each) => each.test(path));
}

function violationsOf({ path, uses, imports }: Source): Violation[] {
  const rule = 'banned-call';
  const complaints = [
    ...uses.map(({ name, line }) => ({ line, message: useComplaint(name) })),
    ...imports.map((each) => ({ line: each.line, message: importComplaint(each) })),
  ];
  return complaints.flatMap(({ line, message }) =>
    message ? [{ path, line, rule, message }] : [],
  );
}

function useComplaint(name: string): string | undefined {
  const instead =
    bannedNames.get(name) ??
    bannedMembers.get(name) ??
    (name === 'new Date()' || name === 'Date()' ? 'Clock' : undefined);
  return instead && `${name} is banned in src/: take ${instead} as a constructor argument`;
}

function importComplaint({ specifier, typeOnly, values }: Import): string | undefined {
  if (typeOnly) return undefined;
  const innocent = bannedModules.get(specifier);
  if (innocent) {
    const harmless = values.length > 0 && values.every((name) => innocent.includes(name));
    return harmless ? undefined : `${specifier} belongs in an adapter`;
  }
  const names = values.filter((name) => bannedImports.get(specifier)?.includes(name));
  return names.length > 0 ? `${names.join(', ')} of ${specifier}: take Random` : undefined;
}
