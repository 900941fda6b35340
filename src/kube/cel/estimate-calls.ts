/** What calls may cost at most, and how large what they return can be. */
import type { Expr } from './ast.ts';
import { listCost, patternLength, traversal } from './cost.ts';
import type { Path } from './estimate-path.ts';
import { formatType, type Type } from './types.ts';

/** Elements, characters or bytes. */
export interface Size {
  readonly min: number;
  readonly max: number;
}

export interface Node {
  /** Undefined for the elements of a list. */
  readonly expr: Expr | undefined;
  readonly type: Type;
  /** Empty for what no schema tells of. */
  readonly path: Path;
  readonly size: Size | undefined;
}

export interface Call {
  readonly name: string;
  /** The declaration of the overload. */
  readonly overload: string;
  readonly target: Node | undefined;
  readonly args: readonly Node[];
}

/** Without the cost of the arguments. */
export interface Estimate {
  readonly cost: number;
  readonly size?: Size;
}

/** No cost and no size is larger. */
export const endless = 2 ** 64;

export function grown(...costs: readonly number[]): number {
  return Math.min(
    endless,
    costs.reduce((sum, cost) => sum + cost, 0),
  );
}

export function times(count: number, each: number): number {
  return Math.min(endless, count * each);
}

export function fixed(n: number): Size {
  return { min: n, max: n };
}

/** Of none: nothing. */
export function unionOf(sizes: readonly Size[]): Size {
  if (sizes.length === 0) return fixed(0);
  return {
    min: Math.min(...sizes.map(({ min }) => min)),
    max: Math.max(...sizes.map(({ max }) => max)),
  };
}

type SizeOf = (node: Node) => Size;
type Rule = (call: Call, sizeOf: SizeOf) => Estimate | undefined;

export function estimateCall(call: Call, sizeOf: SizeOf): Estimate {
  return rules[call.name]?.(call, sizeOf) ?? { cost: 1 };
}

function scaled(size: number, factor: number): number {
  return Math.min(endless, Math.ceil(size * factor));
}

/** Where a 64-bit number runs over, it starts again. */
function wrapped(value: number): number {
  return value < endless ? value : Number(BigInt.asUintN(64, BigInt(value)));
}

function both(a: Size, b: Size, how: (a: number, b: number) => number): Size {
  return { min: how(a.min, b.min), max: how(a.max, b.max) };
}

/** What a call is made on. */
const receiver = ({ target }: Call): Node => target!;
const argument =
  (index: number) =>
  ({ args }: Call): Node =>
    args[index]!;

const through =
  (of: (call: Call) => Node, factor = 1, sized = false): Rule =>
  (call, sizeOf) => {
    const size = sizeOf(of(call));
    const cost = scaled(size.max, factor * traversal);
    return sized ? { cost, size } : { cost };
  };

const matching = (text: Size, pattern: Size): number =>
  times(scaled(grown(text.max, 1), traversal), scaled(pattern.max, patternLength));

const matches: Rule = ({ target, args }, sizeOf) => {
  const [text, pattern] = target === undefined ? args : [target, args[0]];
  return { cost: matching(sizeOf(text!), sizeOf(pattern!)) };
};

const find: Rule = ({ target, args }, sizeOf) => {
  const text = sizeOf(target!);
  return { cost: matching(text, sizeOf(args[0]!)), size: { min: 0, max: text.max } };
};

const contains: Rule = ({ target, args }, sizeOf) => ({
  cost: times(scaled(sizeOf(target!).max, traversal), scaled(sizeOf(args[0]!).max, traversal)),
});

const membership: Rule = ({ overload, args }, sizeOf) =>
  overload.startsWith('@in(A, list') ? { cost: sizeOf(args[1]!).max } : undefined;

/** Types that are compared at once. */
const small: ReadonlySet<string> = new Set([
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'net.IP',
  'net.CIDR',
]);
const longestFormat = 64;

const comparison: Rule = ({ args: [a, b] }, sizeOf) => ({
  cost: scaled(Math.min(sizeOf(a!).max, sizeOf(b!).max), traversal),
});

const equality: Rule = (call, sizeOf) => {
  const [a, b] = call.args;
  const type = formatType(a!.type);
  if (type === formatType(b!.type)) {
    if (small.has(type)) return { cost: 1 };
    if (type === 'kubernetes.NamedFormat') return { cost: scaled(longestFormat, traversal) };
    if (type === 'kubernetes.URL') return { cost: scaled(b!.size?.max ?? 1, traversal) };
  }
  return comparison(call, sizeOf);
};

const ordering: Rule = (call, sizeOf) =>
  /\((string|bytes),/.test(call.overload) ? comparison(call, sizeOf) : undefined;

const addition: Rule = ({ overload, args: [a, b] }, sizeOf) => {
  const isList = overload.includes('(list');
  if (!isList && !/\((string|bytes),/.test(overload)) return undefined;
  const size = both(sizeOf(a!), sizeOf(b!), grown);
  return { cost: isList ? 1 : scaled(size.max, traversal), size };
};

const conditional: Rule = ({ args: [, a, b] }, sizeOf) => ({
  cost: 0,
  size: unionOf([sizeOf(a!), sizeOf(b!)]),
});

const toBytes: Rule = ({ overload, args }, sizeOf) => {
  if (overload !== 'bytes(string) -> bytes') return undefined;
  const { min, max } = sizeOf(args[0]!);
  return { cost: scaled(max, traversal), size: { min, max: wrapped(max * 4) } };
};

const toText: Rule = ({ overload, args }, sizeOf) => {
  if (overload !== 'string(bytes) -> string') return undefined;
  const { min, max } = sizeOf(args[0]!);
  return { cost: scaled(max, traversal), size: { min: Math.floor(min / 4), max } };
};

const quote: Rule = ({ args }, sizeOf) => {
  const { min, max } = sizeOf(args[0]!);
  return { cost: scaled(max, traversal), size: { min: min + 2, max: wrapped(max * 2 + 2) } };
};

/** The elements of a list, as its schema has them. */
function elementOf({ type, path }: Node): Node | undefined {
  const [element] = type.parameters;
  if (element === undefined) return undefined;
  const inner = path.length === 0 ? path : path.apart('@items');
  return { expr: undefined, type: element, path: inner, size: undefined };
}

const walk: Rule = ({ target }, sizeOf) => {
  const element = elementOf(target!);
  const { max } = sizeOf(target!);
  if (element === undefined) return { cost: scaled(max, traversal) };
  const text = element.type.kind === 'string' || element.type.kind === 'bytes';
  const each = text ? grown(1, scaled(sizeOf(element).max, traversal)) : 1;
  return { cost: times(max, each) };
};

const replace: Rule = ({ target, args }, sizeOf) => {
  const text = sizeOf(target!);
  const [from, to] = [sizeOf(args[0]!), sizeOf(args[1]!)];
  let most = { count: 0, kept: text.max };
  if (from.min === 0) most = { count: grown(text.max, 1), kept: text.max };
  else if (to.max > from.min) most = { count: Math.ceil(text.max / from.min), kept: 0 };
  let least = { count: 0, kept: text.min };
  if (from.max === 0) least = { count: grown(text.min, 1), kept: text.min };
  else if (from.max > to.min) least = { count: Math.ceil(text.min / from.max), kept: 0 };
  return {
    cost: scaled(text.max, 2 * traversal),
    size: {
      min: grown(times(least.count, to.min), least.kept),
      max: grown(times(most.count, to.max), most.kept),
    },
  };
};

function constantOf(node: Node | undefined): bigint | undefined {
  const { expr } = node ?? {};
  return expr?.kind === 'literal' && typeof expr.value === 'bigint' ? expr.value : undefined;
}

const split: Rule = ({ target, args }, sizeOf) => {
  const { max } = sizeOf(target!);
  const limit = constantOf(args[1]);
  const most = limit === undefined ? max : Number(BigInt.asUintN(64, limit));
  return { cost: scaled(max, 2 * traversal), size: { min: 0, max: most } };
};

const join: Rule = ({ target, args }, sizeOf) => {
  const list = sizeOf(target!);
  const element = elementOf(target!);
  let size = element === undefined ? fixed(0) : both(list, sizeOf(element), times);
  if (args.length > 0) {
    const gaps = { min: Math.max(list.min - 1, 0), max: Math.max(list.max - 1, 0) };
    size = both(size, both(sizeOf(args[0]!), gaps, times), grown);
  }
  return { cost: scaled(size.max, traversal), size };
};

const addressOf: Rule = (call, sizeOf) =>
  call.overload.startsWith('cidr#') ? undefined : through(argument(0))(call, sizeOf);

/** An address has up to 16 bytes; a text is read first. */
const inNetwork =
  (own: number): Rule =>
  ({ overload, args }, sizeOf) => ({
    cost: own + (overload.includes('(string)') ? scaled(sizeOf(args[0]!).max, traversal) : 0),
  });
const addressCost = Math.ceil(2 * 16 * traversal);
const networkCost = addressCost + Math.ceil(16 * traversal) + 1;

const longestPattern = 128;
const validate: Rule = ({ args }, sizeOf) => ({
  cost: scaled(scaled(sizeOf(args[0]!).max, traversal), longestPattern * patternLength),
});

const allocating = (size: Size, factor = 1): Estimate => ({
  cost: grown(scaled(size.max, factor), 1, listCost),
  size,
});

function numberOr(node: Node | undefined, otherwise: number): number {
  const value = constantOf(node);
  if (value === undefined) return otherwise;
  return value < 0n ? 0 : Number(value);
}

const slice: Rule = ({ target, args }, sizeOf) => {
  const from = numberOr(args[0], 0);
  const length = numberOr(args[1], sizeOf(target!).max) - from;
  return allocating(fixed(length < 0 ? endless + length : length));
};

const flatten: Rule = ({ target, args }, sizeOf) =>
  allocating(sizeOf(target!), args.length === 0 ? 1 : numberOr(args[0], endless));

const ordered =
  (of: (call: Call) => Node): Rule =>
  (call, sizeOf) => {
    const size = sizeOf(of(call));
    const text = /list\((string|bytes)\)/.test(call.overload);
    return allocating(both(size, size, times), text ? 2 + traversal : 2);
  };

const distinct: Rule = ({ target }, sizeOf) => {
  const size = sizeOf(target!);
  return allocating(both(size, size, times), 2);
};

const pairwise =
  (factor: number): Rule =>
  ({ args: [a, b] }, sizeOf) => ({
    cost: grown(scaled(times(sizeOf(a!).max, sizeOf(b!).max), factor), 1),
  });

/** By function; what is not here costs 1. */
const rules: Readonly<Record<string, Rule>> = {
  '_==_': equality,
  '_!=_': comparison,
  '_<_': ordering,
  '_<=_': ordering,
  '_>_': ordering,
  '_>=_': ordering,
  '_+_': addition,
  '_?_:_': conditional,
  '_&&_': () => ({ cost: 0 }),
  '_||_': () => ({ cost: 0 }),
  '@in': membership,
  startsWith: through(argument(0)),
  endsWith: through(argument(0)),
  contains,
  matches,
  find,
  findAll: find,
  format: through(receiver),
  'strings.quote': quote,
  bytes: toBytes,
  string: toText,
  url: through(argument(0), 1, true),
  lowerAscii: through(receiver, 1, true),
  upperAscii: through(receiver, 1, true),
  substring: through(receiver, 1, true),
  trim: through(receiver, 1, true),
  replace,
  split,
  join,
  isSorted: walk,
  sum: walk,
  max: walk,
  min: walk,
  indexOf: walk,
  lastIndexOf: walk,
  cidr: through(argument(0)),
  isIP: through(argument(0)),
  isCIDR: through(argument(0)),
  ip: addressOf,
  'ip.isCanonical': through(argument(0), 2),
  containsIP: inNetwork(addressCost),
  containsCIDR: inNetwork(networkCost),
  quantity: through(argument(0)),
  isQuantity: through(argument(0)),
  semver: through(argument(0)),
  isSemver: through(argument(0)),
  validate,
  'sets.contains': pairwise(1),
  'sets.intersects': pairwise(1),
  'sets.equivalent': pairwise(2),
  slice,
  flatten,
  'lists.range': ({ args }) => allocating(fixed(numberOr(args[0], endless))),
  reverse: ({ target }, sizeOf) => allocating(sizeOf(target!)),
  distinct,
  sort: ordered(receiver),
  '@sortByAssociatedKeys': ordered(argument(0)),
};
