/** CEL of webhooks and policies: what expressions may use, and how they are compiled. */

import type { Expr } from '../../kube/cel/ast.ts';
import {
  dynType,
  type Field,
  isExact,
  listOf,
  mapOf,
  objectType,
  type Type,
} from '../../kube/cel/types.ts';
import {
  CompileError,
  Environment,
  type Program,
  ProgramError,
  parseType,
} from '../../kube/cel.ts';
import { authorizerLibrary, authorizerTypes } from './authorizer-library.ts';

/** An expression that was read; its `problem` stands for it when it cannot be evaluated. */
export interface Expression {
  readonly text: string;
  readonly program: Program | undefined;
  /** '' when there is a program. */
  readonly problem: string;
}

export interface Declared {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** Objects and JSON patches can be made. */
  readonly patches?: boolean;
}

function fields(types: Readonly<Record<string, Type>>): Map<string, Field> {
  return new Map(Object.entries(types).map(([name, type]) => [name, { type, name }]));
}

const string = parseType('string');
const strings = parseType('list(string)');
const timestamp = parseType('timestamp');
const int = parseType('int');
const groupVersionKind = objectType(
  'kubernetes.GroupVersionKind',
  fields({ group: string, version: string, kind: string }),
);
const groupVersionResource = objectType(
  'kubernetes.GroupVersionResource',
  fields({ group: string, version: string, resource: string }),
);
const userInfo = objectType(
  'kubernetes.UserInfo',
  fields({
    username: string,
    uid: string,
    groups: strings,
    extra: parseType('map(string, list(string))'),
  }),
);
const requestType = objectType(
  'kubernetes.AdmissionRequest',
  fields({
    ...{ kind: groupVersionKind, resource: groupVersionResource, subResource: string },
    ...{ requestKind: groupVersionKind, requestResource: groupVersionResource },
    ...{ requestSubResource: string, name: string, namespace: string, operation: string },
    ...{ userInfo, dryRun: parseType('bool'), options: dynType },
  }),
);
const condition = objectType(
  'kubernetes.NamespaceCondition',
  fields({
    ...{ status: string, type: string, lastTransitionTime: timestamp },
    ...{ message: string, reason: string },
  }),
);
const labels = parseType('map(string, string)');
const namespaceType = objectType(
  'kubernetes.Namespace',
  fields({
    metadata: objectType(
      'kubernetes.NamespaceMetadata',
      fields({
        ...{ name: string, generateName: string, namespace: string, UID: string },
        ...{ labels, annotations: labels, creationTimestamp: timestamp },
        ...{ deletionGracePeriodSeconds: int, deletionTimestamp: timestamp, generation: int },
        ...{ resourceVersion: string, finalizers: strings },
      }),
    ),
    spec: objectType('kubernetes.NamespaceSpec', fields({ finalizers: strings })),
    status: objectType(
      'kubernetes.NamespaceStatus',
      fields({ conditions: listOf(condition), phase: string }),
    ),
  }),
);

export const resultTypes = {
  bool: parseType('bool'),
  string,
  null: parseType('null'),
  object: { kind: 'object', name: 'Object', parameters: [] } as Type,
  patch: listOf({ kind: 'object', name: 'JSONPatch', parameters: [] } as Type),
} as const;

const jsonPatch = objectType(
  'JSONPatch',
  fields({ op: string, path: string, from: string, value: dynType }),
);
const patchLibrary = {
  'jsonpatch.escapeKey(string) -> string': (key: string) =>
    key.replaceAll('~', '~0').replaceAll('/', '~1'),
};

/** Variables of a policy, which grow while they are compiled. */
export interface Variables {
  readonly type: Type;
  readonly fields: Map<string, Field>;
}

export function noVariables(): Variables {
  const known = new Map<string, Field>();
  return { fields: known, type: objectType('kubernetes.variables', known) };
}

/** A variable may be used by all that come after it, as the type that it has there. */
export function declare({ fields: known }: Variables, name: string, { program }: Expression): void {
  known.set(name, { name, type: program === undefined ? dynType : seenAs(program.type) });
}

/** Objects and types of libraries are seen as anything. */
function seenAs(type: Type): Type {
  const [first, second] = type.parameters;
  if (type.kind === 'list') return listOf(seenAs(first!));
  if (type.kind === 'map') return mapOf(seenAs(first!), seenAs(second!));
  return type.kind === 'object' || type.kind === 'opaque' ? dynType : type;
}

const shared = new Map<string, Environment>();

function environmentOf(text: string, declared: Declared, variables: Variables | undefined) {
  const { params, authorizer, patches = false } = declared;
  const make = (): Environment => {
    const made = patches ? objectNames(text) : [];
    return new Environment({
      variables: {
        ...{ object: dynType, oldObject: dynType },
        ...{ request: requestType, namespaceObject: namespaceType },
        ...(params && { params: dynType }),
        ...(authorizer && {
          authorizer: authorizerTypes.authorizer,
          'authorizer.requestResource': authorizerTypes.resourceCheck,
        }),
        ...(variables && { variables: variables.type }),
      },
      libraries: patches ? [authorizerLibrary, patchLibrary] : [authorizerLibrary],
      typeNames: {
        ...authorizerTypes,
        ...(patches && { JSONPatch: jsonPatch }),
        ...Object.fromEntries(
          made.map((name) => [name, { kind: 'object', name, parameters: [] } as Type]),
        ),
      },
    });
  };
  if (patches || variables !== undefined) return make();
  const key = `${params} ${authorizer}`;
  let found = shared.get(key);
  if (found === undefined) {
    found = make();
    shared.set(key, found);
  }
  return found;
}

/** Every name of the form Object.FIELD.FIELD is a type whose fields can be anything. */
function objectNames(text: string): string[] {
  return [...new Set([...text.matchAll(/\bObject(?:\.[A-Za-z_]\w*)*/g)].map(([name]) => name))];
}

/** Never throws: what is wrong is in `problem`, in kube-apiserver's words. */
export function compileExpression(
  text: string,
  results: readonly Type[],
  { declared, variables }: { declared: Declared; variables?: Variables | undefined },
): Expression {
  try {
    const program = environmentOf(text, declared, variables).compile(text);
    const fits = results.length === 0 || results.some((type) => isExact(program.type, type));
    if (fits) return { text, program, problem: '' };
    const wanted = results.map((type) => namesOf(type));
    const what = wanted.length === 1 ? wanted[0]! : `one of [${wanted.join(' ')}]`;
    const problem = `must evaluate to ${what} but got ${program.typeName}`;
    return { text, program: undefined, problem };
  } catch (error) {
    if (error instanceof CompileError)
      return { text, program: undefined, problem: `compilation failed: ${error.message}` };
    if (!(error instanceof ProgramError)) throw error;
    const problem = `program instantiation failed: ${error.message}`;
    return { text, program: undefined, problem };
  }
}

function namesOf(type: Type): string {
  return type.kind === 'list' ? `list(${namesOf(type.parameters[0]!)})` : type.name;
}

/** Objects that stand in another's field must be named after it; '' when all are. */
export function misnamed(program: Program): string {
  const problems: string[] = [];
  const visit = (expr: Expr, path: string | undefined): void => {
    if (expr.kind === 'list') {
      for (const { value } of expr.items) visit(value, path);
      return;
    }
    if (expr.kind === 'map') {
      for (const { value } of expr.entries) visit(value, path);
      return;
    }
    if (expr.kind !== 'struct') return;
    if (path !== undefined && expr.name.startsWith('Object') && expr.name !== path)
      problems.push(
        `unexpected type name "${expr.name}", expected "${path}", which matches field name path from root Object type`,
      );
    const inPatch = expr.name === 'JSONPatch';
    for (const { name, value } of expr.fields)
      visit(value, inPatch ? undefined : `${path ?? expr.name}.${name}`);
  };
  visit(program.checked.expr, undefined);
  return problems.join('\n');
}
