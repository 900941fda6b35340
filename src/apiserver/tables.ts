/**
 * Tables: which columns a kind has, and an object's cells. Built-in kinds as kube-apiserver prints
 * them.
 */
import type { Column } from '../api/kind.ts';
import { stringifyJson } from '../kube/json.ts';
import { isObject, type Json, type KubeObject } from '../kube/object.ts';
import type { GroupVersionKind, ResourceType } from '../kube/resource.ts';
import { printNameAndAge } from './printers/cluster.ts';
import builtIn from './printers/columns.json' with { type: 'json' };
import { type Cell, humanDuration, nameOf, type Printer } from './printers/format.ts';
import { type JsonPath, parseJsonPath } from './printers/json-path.ts';
import { printers } from './printers/kinds.ts';
import { podConditions, type RowCondition } from './printers/pods.ts';
import { defaultStorageClass } from './printers/storage.ts';
import type { TypeSource } from './types-source.ts';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface Row {
  readonly cells: readonly Cell[];
  readonly conditions?: readonly RowCondition[] | undefined;
}

export interface RowSetting {
  /** Wall time, milliseconds. */
  readonly now: number;
  /** All objects of the list; undefined when the object stands alone. */
  readonly among: readonly KubeObject[] | undefined;
}

export interface TableShape {
  readonly columns: readonly ColumnDefinition[];
  row(object: KubeObject, setting: RowSetting): Row;
}

const recorded = builtIn as Readonly<Record<string, readonly ColumnDefinition[]>>;
const [nameColumn, ageColumn] = recorded['/ServiceAccount'] as [ColumnDefinition, ColumnDefinition];

const fallback: TableShape = {
  columns: [nameColumn, { ...ageColumn, type: 'date' }],
  row: (object, { now }) => ({ cells: printNameAndAge(object, now) }),
};

/** The Table shapes of all served types, made once each. */
export class Tables {
  readonly #types: TypeSource;
  readonly #builtIn = new Map<string, TableShape>();
  readonly #declared = new WeakMap<readonly Column[], TableShape>();

  constructor(types: TypeSource) {
    this.#types = types;
  }

  /** `kind` is the subresource's own kind where it has one (scale). */
  shapeOf(type: ResourceType, kind: GroupVersionKind): TableShape {
    if (kind.kind === type.kind && kind.group === type.group) {
      const columns = this.#types.columnsFor?.(type);
      if (columns !== undefined) return this.#declaredShape(columns);
    }
    const key = `${kind.group}/${kind.kind}`;
    let shape = this.#builtIn.get(key);
    if (shape === undefined) {
      shape = builtInShape(key);
      this.#builtIn.set(key, shape);
    }
    return shape;
  }

  #declaredShape(columns: readonly Column[]): TableShape {
    let shape = this.#declared.get(columns);
    if (shape === undefined) {
      shape = declaredShape(columns);
      this.#declared.set(columns, shape);
    }
    return shape;
  }
}

function builtInShape(key: string): TableShape {
  const columns = recorded[key];
  const print = printers[key];
  if (columns === undefined || print === undefined) return fallback;
  if (key === '/Pod')
    return {
      columns,
      row: (object, { now }) => ({ cells: print(object, now), conditions: podConditions(object) }),
    };
  if (key === 'storage.k8s.io/StorageClass') return storageClassShape(columns, print);
  return { columns, row: (object, { now }) => ({ cells: print(object, now) }) };
}

/** In a list, the class that claims get by default is marked; it is looked for once per list. */
function storageClassShape(columns: readonly ColumnDefinition[], print: Printer): TableShape {
  const defaults = new WeakMap<readonly KubeObject[], string | undefined>();
  return {
    columns,
    row(object, { now, among }) {
      const cells = print(object, now);
      if (among === undefined) return { cells };
      if (!defaults.has(among)) defaults.set(among, defaultStorageClass(among));
      if (defaults.get(among) === nameOf(object)) cells[0] = `${nameOf(object)} (default)`;
      return { cells };
    },
  };
}

/** Columns that a kind declares with JSONPaths, after its name. */
function declaredShape(columns: readonly Column[]): TableShape {
  const paths = columns.map((column) => parseJsonPath(column.jsonPath));
  return {
    columns: [nameColumn, ...columns.map(definitionOf)],
    row: (object, { now }) => ({
      cells: [
        nameOf(object),
        ...columns.map((column, at) => declaredCell(object, { column, path: paths[at], now })),
      ],
    }),
  };
}

function definitionOf(column: Column): ColumnDefinition {
  const { name, type, format = '', description, priority, jsonPath } = column;
  const standard = `Custom resource definition column (in JSONPath format): ${jsonPath}`;
  return { name, type, format, description: description || standard, priority };
}

interface Declared {
  readonly column: Column;
  readonly path: JsonPath | undefined;
  readonly now: number;
}

function declaredCell(object: KubeObject, { column, path, now }: Declared): Cell {
  const value = path?.(object)[0];
  if (value === undefined || value === null) return null;
  switch (column.type) {
    case 'integer':
      return typeof value === 'number'
        ? Math.trunc(value)
        : typeof value === 'bigint'
          ? value
          : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? dateCell(value, now) : null;
    case 'string':
      return stringCell(value);
  }
}

function dateCell(value: string, now: number): Cell {
  const at = Date.parse(value);
  return Number.isNaN(at) ? '<invalid>' : humanDuration(now - at);
}

function stringCell(value: Json): string {
  return isObject(value) || Array.isArray(value) ? stringifyJson(value) : String(value);
}
