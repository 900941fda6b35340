/** Amounts by name: requests, limits, and what a quota allows and counts. */
import { isObject } from './object.ts';
import {
  addQuantity,
  compareQuantity,
  formatQuantity,
  multiplyQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
  subtractQuantity,
  zeroQuantity,
} from './quantity.ts';

export type ResourceList = ReadonlyMap<string, Quantity>;

/** Of an object such as {cpu: 100m}; what is no quantity is left out. */
export function resourceListOf(value: unknown): Map<string, Quantity> {
  const list = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(isObject(value) ? value : {})) {
    try {
      list.set(name, parseQuantity(text as string | number));
    } catch (error) {
      if (!(error instanceof QuantityError)) throw error;
    }
  }
  return list;
}

export function plainResourceList(list: ResourceList): Record<string, string> {
  const names = [...list.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, formatQuantity(list.get(name)!)]));
}

/** Adds `by` to `list`, which is changed. */
export function addResources(list: Map<string, Quantity>, by: ResourceList): void {
  for (const [name, quantity] of by) {
    const { text: _text, ...before } = list.get(name) ?? zeroQuantity;
    list.set(name, addQuantity(before, quantity));
  }
}

/** Takes `by` away from `list`, which is changed; never below zero. */
export function takeResources(list: Map<string, Quantity>, by: ResourceList): void {
  for (const [name, quantity] of by) {
    const rest = subtractQuantity(list.get(name) ?? zeroQuantity, quantity);
    list.set(name, rest.mantissa < 0n ? { ...zeroQuantity, format: rest.format } : rest);
  }
}

/** Raises `list`, which is changed, to what `to` has more of. */
export function raiseResources(list: Map<string, Quantity>, to: ResourceList): void {
  for (const [name, quantity] of to) {
    const before = list.get(name);
    if (before === undefined || compareQuantity(quantity, before) > 0) list.set(name, quantity);
  }
}

export function multipliedResources(list: ResourceList, by: number): Map<string, Quantity> {
  return new Map([...list].map(([name, one]) => [name, multiplyQuantity(one, BigInt(by))]));
}

/** Only what `names` has. */
export function maskedResources(
  list: ResourceList,
  names: { has(name: string): boolean },
): Map<string, Quantity> {
  return new Map([...list].filter(([name]) => names.has(name)));
}

/** `cpu=1,pods=3`, as kube-apiserver prints it. */
export function formatResourceList(list: ResourceList): string {
  const names = [...list.keys()].sort();
  return names.map((name) => `${name}=${formatQuantity(list.get(name)!)}`).join(',');
}
