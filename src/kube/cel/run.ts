/** One evaluation: its variables, its cost, and selection from values. */
import {
  CelMap,
  EvaluationError,
  isList,
  none,
  Optional,
  showKey,
  typeName,
  Uint,
  type Value,
} from './values.ts';

/** The expression cost more than it may; nothing in it can go on. */
export class BudgetError extends Error {
  override readonly name = 'BudgetError';

  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class Frame {
  cost = 0;
  readonly #limit: number;
  readonly #slots: (Value | (() => Value) | EvaluationError | undefined)[];

  constructor(size: number, limit: number) {
    this.#limit = limit;
    this.#slots = new Array(size);
  }

  charge(units: number): void {
    this.cost += units;
    if (this.cost > this.#limit) throw new BudgetError();
  }

  /** A function is called when the variable is first read. */
  write(slot: number, value: Value | (() => Value)): void {
    this.#slots[slot] = value;
  }

  read(slot: number): Value {
    const value = this.#slots[slot];
    if (value instanceof EvaluationError) throw value;
    if (typeof value === 'function') {
      this.attempt(slot, value as () => Value);
      return this.read(slot);
    }
    if (value === undefined) throw new EvaluationError('no such attribute');
    return value;
  }

  /** Keeps the value, or that there is none: whoever reads it fails then. */
  attempt(slot: number, evaluate: (frame: Frame) => Value): void {
    try {
      this.#slots[slot] = evaluate(this);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      this.#slots[slot] = error;
    }
  }
}

/** `value.field`; of an optional an optional. @throws EvaluationError */
export function selected(value: Value, field: string): Value {
  if (value instanceof Optional) return value.value === undefined ? none : find(value.value, field);
  const found = value instanceof CelMap ? value.get(field) : undefined;
  if (found === undefined) throw new EvaluationError(`no such key: ${field}`);
  return found;
}

/** `value.?field` */
export function optionalField(value: Value, field: string): Optional {
  const target = value instanceof Optional ? value.value : value;
  return target === undefined ? none : find(target, field);
}

function find(target: Value, key: Value): Optional {
  const found = elementAt(target, key);
  return found === undefined ? none : new Optional(found);
}

/** `value[key]`, `value[?key]` */
export function indexed(value: Value, key: Value, optional: boolean): Value {
  if (value instanceof Optional) return value.value === undefined ? none : find(value.value, key);
  if (optional) return find(value, key);
  const found = elementAt(value, key);
  if (found !== undefined) return found;
  const problem = isList(value) ? 'index out of bounds' : 'no such key';
  throw new EvaluationError(`${problem}: ${showKey(key)}`);
}

function elementAt(value: Value, key: Value): Value | undefined {
  if (value instanceof CelMap) return value.get(key);
  if (!isList(value)) throw new EvaluationError(`no such key: ${showKey(key)}`);
  const index = key instanceof Uint ? key.value : key;
  const whole = typeof index === 'bigint' || (typeof index === 'number' && Number.isInteger(index));
  if (!whole) throw new EvaluationError(`unsupported index type '${typeName(key)}' in list`);
  return value[Number(index)];
}
