/** The house rules as data: floors, limits, exceptions. Change the house on purpose, here. */

/**
 * The floors of src/: a file imports from lower floors and its own folder only, so folders on one
 * floor do not know each other.
 */
export const floors: ReadonlyMap<string, number> = new Map([
  ['base', 1],
  ['kube', 2],
  ['store', 2],
  ['api', 3],
  ['client', 3],
  ['placement', 4],
  ['rollout', 4],
  ['stateful', 4],
  ['apiserver', 4],
  ['reconcile', 4],
  ['members', 5],
  ['lifecycle', 5],
  ['propagation', 6],
  ['view', 6],
  ['services', 6],
  ['balancing', 6],
  ['cli', 6],
  ['dashboard', 6],
  ['sandbox', 7],
  ['main', 8],
]);

/** Folders with TypeScript; all but src/ may import anything, and nothing in src/ imports them. */
export const codeFolders = ['src', 'testbed', 'sim', 'bench', 'scripts', 'test'] as const;

/** Lines and columns. */
export const limits = {
  /** Median of src/ without tests: the code stays in small pieces. */
  medianLinesMax: 150,
  sourceLinesMax: 600,
  testLinesMax: 800,
  functionLinesMax: 70,
  columnsMax: 100,
} as const;

/** Names that say nothing, as folders or files. */
export const emptyNames: ReadonlySet<string> = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'misc',
  'lib',
  'shared',
]);

/** The places in src/ that touch the real clock, randomness or sockets for all the others. */
export const adapters: readonly RegExp[] = [
  /^src\/base\//,
  /^src\/client\/tls[^/]*\.ts$/,
  /^src\/apiserver\/server\.ts$/,
  /^src\/store\/sqlite/,
];

/** Globals banned outside the adapters, with what to take instead. */
export const bannedNames: ReadonlyMap<string, string> = new Map([
  ['setTimeout', 'Clock'],
  ['setInterval', 'Clock'],
  ['setImmediate', 'Clock'],
  ['fetch', 'a Transport'],
]);

/** Members banned outside the adapters, with what to take instead. */
export const bannedMembers: ReadonlyMap<string, string> = new Map([
  ['Date.now', 'Clock'],
  ['performance.now', 'Clock'],
  ['Math.random', 'Random'],
  ['crypto.randomUUID', 'Random'],
  ['crypto.randomBytes', 'Random'],
  ['crypto.randomInt', 'Random'],
  ['crypto.getRandomValues', 'Random'],
]);

/** Names that may not be imported from Node outside the adapters. */
export const bannedImports: ReadonlyMap<string, readonly string[]> = new Map([
  ['node:crypto', ['randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'randomFillSync']],
]);

/** Modules of sockets and time, left to the adapters, with their names that do neither. */
export const bannedModules: ReadonlyMap<string, readonly string[]> = new Map([
  ['node:net', ['isIP', 'isIPv4', 'isIPv6', 'BlockList']],
  ['node:tls', []],
  ['node:dgram', []],
  ['node:http', ['STATUS_CODES']],
  ['node:https', []],
  ['node:http2', ['constants']],
  ['node:timers', []],
  ['node:timers/promises', []],
  ['node:perf_hooks', []],
  ['undici', []],
]);

/** Data is not code: recorded schemas and tables may be as long as they are. */
export function isData(path: string): boolean {
  return path.endsWith('.json') || path.split('/').includes('data');
}

/** Tests, the acceptance suites that several tests run, and what only tests need. */
export function isTest(path: string): boolean {
  return /\.(test|acceptance|fixture)\.ts$/.test(path);
}
