/**
 * How kube-apiserver's Go structs write a field to JSON: what OpenAPI does not tell, from the
 * recorded field table.
 */
import { type MessageField, type MessageType, protobufTable } from './protobuf-table.ts';

/**
 * 'omit': no pointer, left out of JSON when zero or empty, so that an empty value is none.
 * 'pointer': left out when nil, a zero is kept. 'always': written in any case, a nil as null.
 */
export type GoField = 'omit' | 'pointer' | 'always';

type Fields = ReadonlyMap<string, GoField>;

let known: Map<string, Fields> | undefined;

/**
 * The fields of a definition such as io.k8s.api.apps.v1.DeploymentSpec; undefined for what no Go
 * struct stands behind.
 */
export function goFields(definition: string | undefined): Fields | undefined {
  if (definition === undefined) return undefined;
  known ??= collect();
  return known.get(definition);
}

function collect(): Map<string, Fields> {
  const all = new Map<string, Fields>();
  const visit = (message: MessageType): void => {
    const definition = definitionOf(message.name);
    if (all.has(definition)) return;
    const fields = new Map<string, GoField>();
    all.set(definition, fields);
    addFields(message, fields);
    for (const { type } of message.fields) if (typeof type !== 'string') visit(type);
  };
  for (const kinds of protobufTable().kinds.values())
    for (const message of kinds.values()) visit(message);
  return all;
}

function addFields(message: MessageType, fields: Map<string, GoField>): void {
  for (const {
    name,
    type,
    inline,
    pointer,
    omitEmpty,
    omitZero,
    map,
    repeated,
  } of message.fields) {
    // A time is a struct, which omitempty never leaves out.
    const time = !pointer && !map && !repeated && isTime(type);
    if (inline && typeof type !== 'string') addFields(type, fields);
    else if (!omitZero && (!omitEmpty || time)) fields.set(name, 'always');
    else fields.set(name, pointer ? 'pointer' : 'omit');
  }
}

function isTime(type: MessageField['type']): boolean {
  return typeof type !== 'string' && (type.special === 'Time' || type.special === 'MicroTime');
}

/** 'io.k8s.api.apps.v1.X' of 'k8s.io/api/apps/v1.X'. */
function definitionOf(name: string): string {
  const slash = name.indexOf('/');
  const host = name.slice(0, slash).split('.').reverse().join('.');
  return `${host}.${name.slice(slash + 1).replaceAll('/', '.')}`;
}
