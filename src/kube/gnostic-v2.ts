/**
 * OpenAPI v2 in gnostic's protobuf (openapi.v2.Document), as kubectl and Argo CD read it. Each part
 * is a message by itself: those of one field may follow one another in any number.
 */
import { stringifyJson } from './json.ts';
import { isObject, type Json, type JsonObject } from './object.ts';
import { WireWriter } from './protobuf-wire.ts';

type Scalar = 'string' | 'boolean' | 'double' | 'integer';
type Write = (out: WireWriter, field: number, value: Json) => void;
/** Of a message: number, key in JSON, how the value is written; in ascending order. */
type Fields = readonly (readonly [number, string, Write])[];

const text = scalar('string');
const flag = scalar('boolean');
const double = scalar('double');
const integer = scalar('integer');
const texts = repeated(text);

/** Zero is not written: that is what absence says. */
function scalar(type: Scalar): Write {
  return (out, field, value) => {
    if (type === 'string' && typeof value === 'string' && value !== '')
      out.stringField(field, value);
    if (type === 'boolean' && value === true) out.varintField(field, 1);
    if (typeof value !== 'number' || value === 0) return;
    if (type === 'double') out.doubleField(field, value);
    if (type === 'integer' && Number.isInteger(value)) out.varintField(field, value);
  };
}

function repeated(write: Write): Write {
  return (out, field, value) => {
    if (!Array.isArray(value)) return;
    for (const one of value.toReversed()) write(out, field, one);
  };
}

/** Values that the message has no type for, as YAML; JSON is YAML. */
const any: Write = (out, field, value) =>
  out.messageField(field, () => out.stringField(2, stringifyJson(value)));

/** A message by its fields; `extensions`: the number of what begins with x-. */
function message(fields: () => Fields, extensions?: number): Write {
  return (out, field, value) => {
    if (!isObject(value)) return;
    out.messageField(field, () => {
      if (extensions !== undefined) writeExtensions(out, extensions, value);
      for (const [number, key, write] of fields().toReversed())
        if (value[key] !== undefined) write(out, number, value[key]);
    });
  };
}

function writeExtensions(out: WireWriter, field: number, object: JsonObject): void {
  for (const name of Object.keys(object).toReversed())
    if (name.startsWith('x-')) named(any)(out, field, [name, object[name]!]);
}

/** `[name, value]` as a message of both. */
function named(write: Write): Write {
  return (out, field, pair) => {
    const [name, value] = pair as [string, Json];
    out.messageField(field, () => {
      write(out, 2, value);
      out.stringField(1, name);
    });
  };
}

/** A message that holds but one field. */
function within(inner: number, write: Write): Write {
  return (out, field, value) => out.messageField(field, () => write(out, inner, value));
}

function entries(write: Write): Write {
  const each = repeated(named(write));
  return (out, field, value) => each(out, field, Object.entries(isObject(value) ? value : {}));
}

const reference: Fields = [[1, '$ref', text]];
const externalDocs = message(() => [
  [1, 'description', text],
  [2, 'url', text],
]);

const schema: Write = message(() => schemaFields, 31);

const schemaFields: Fields = [
  [1, '$ref', text],
  [2, 'format', text],
  [3, 'title', text],
  [4, 'description', text],
  [5, 'default', any],
  [6, 'multipleOf', double],
  [7, 'maximum', double],
  [8, 'exclusiveMaximum', flag],
  [9, 'minimum', double],
  [10, 'exclusiveMinimum', flag],
  [11, 'maxLength', integer],
  [12, 'minLength', integer],
  [13, 'pattern', text],
  [14, 'maxItems', integer],
  [15, 'minItems', integer],
  [16, 'uniqueItems', flag],
  [17, 'maxProperties', integer],
  [18, 'minProperties', integer],
  [19, 'required', texts],
  [20, 'enum', repeated(any)],
  [21, 'additionalProperties', additional],
  [22, 'type', within(1, (out, field, type) => texts(out, field, [type].flat()))],
  [23, 'items', within(1, schema)],
  [24, 'allOf', repeated(schema)],
  [25, 'properties', within(1, entries(schema))],
  [27, 'readOnly', flag],
  [29, 'externalDocs', externalDocs],
  [30, 'example', any],
];

function additional(out: WireWriter, field: number, value: Json): void {
  out.messageField(field, () => {
    if (isObject(value)) schema(out, 1, value);
    // One of two: false is written, too.
    else out.varintField(2, value === true ? 1 : 0);
  });
}

/** Parameters outside the body; `first`: the number of `type`, whose followers are alike. */
function parameter(first: number, before: Fields = []): Write {
  const keys: readonly (readonly [string, Write])[] = [
    ['type', text],
    ['format', text],
    ['items', message(() => [])],
    ['collectionFormat', text],
    ['default', any],
    ['maximum', double],
    ['exclusiveMaximum', flag],
    ['minimum', double],
    ['exclusiveMinimum', flag],
    ['maxLength', integer],
    ['minLength', integer],
    ['pattern', text],
    ['maxItems', integer],
    ['minItems', integer],
    ['uniqueItems', flag],
    ['enum', repeated(any)],
    ['multipleOf', double],
  ];
  const fields: Fields = [
    [1, 'required', flag],
    [2, 'in', text],
    [3, 'description', text],
    [4, 'name', text],
    ...before,
    ...keys.map(([key, write], i) => [first + i, key, write] as const),
  ];
  return message(() => fields, first + keys.length);
}

const byPlace: Readonly<Record<string, readonly [number, Write]>> = {
  header: [1, parameter(5)],
  query: [3, parameter(6, [[5, 'allowEmptyValue', flag]])],
  path: [4, parameter(5)],
};

const bodyParameter = message(
  () => [
    [1, 'description', text],
    [2, 'name', text],
    [3, 'in', text],
    [4, 'required', flag],
    [5, 'schema', schema],
  ],
  6,
);

const parameters = repeated((out, field, value) => {
  if (!isObject(value)) return;
  const write: Write =
    value['$ref'] !== undefined ? message(() => reference) : within(1, anyParameter);
  out.messageField(field, () => write(out, value['$ref'] === undefined ? 1 : 2, value));
});

function anyParameter(out: WireWriter, _field: number, value: Json): void {
  const place = isObject(value) ? String(value['in']) : '';
  if (place === 'body') bodyParameter(out, 1, value);
  else if (Object.hasOwn(byPlace, place)) {
    const [number, write] = byPlace[place]!;
    out.messageField(2, () => write(out, number, value));
  }
}

const response = within(
  1,
  message(
    () => [
      [1, 'description', text],
      [2, 'schema', within(1, schema)],
    ],
    5,
  ),
);

const operation = message(
  () => [
    [1, 'tags', texts],
    [2, 'summary', text],
    [3, 'description', text],
    [4, 'externalDocs', externalDocs],
    [5, 'operationId', text],
    [6, 'produces', texts],
    [7, 'consumes', texts],
    [8, 'parameters', parameters],
    [9, 'responses', within(1, entries(response))],
    [10, 'schemes', texts],
    [11, 'deprecated', flag],
  ],
  13,
);

const pathItem = message(
  () => [
    [1, '$ref', text],
    [2, 'get', operation],
    [3, 'put', operation],
    [4, 'post', operation],
    [5, 'delete', operation],
    [6, 'options', operation],
    [7, 'head', operation],
    [8, 'patch', operation],
    [9, 'parameters', parameters],
  ],
  10,
);

const security = within(1, named(within(1, texts)));
const apiKey = within(
  2,
  message(() => [
    [1, 'type', text],
    [2, 'name', text],
    [3, 'in', text],
    [4, 'description', text],
  ]),
);

const rest: Fields = [
  [1, 'swagger', text],
  [
    2,
    'info',
    message(() => [
      [1, 'title', text],
      [2, 'version', text],
    ]),
  ],
  [
    12,
    'security',
    repeated((out, field, one) => {
      for (const pair of Object.entries(one as JsonObject)) security(out, field, pair);
    }),
  ],
  [13, 'securityDefinitions', within(1, entries(apiKey))],
];

/** Writes one document part by part, from its end to its beginning. */
export class GnosticWriter {
  readonly #out = new WireWriter(2 ** 20);

  path(name: string, item: JsonObject): void {
    within(2, named(pathItem))(this.#out, 8, [name, item]);
  }

  definition(name: string, definition: JsonObject): void {
    within(1, named(schema))(this.#out, 9, [name, definition]);
  }

  parameter(name: string, parameter: JsonObject): void {
    within(1, named(within(1, anyParameter)))(this.#out, 10, [name, parameter]);
  }

  /** What a document says beside its paths, definitions and parameters. */
  rest(document: JsonObject): void {
    for (const [number, key, write] of rest.toReversed())
      if (document[key] !== undefined) write(this.#out, number, document[key]);
  }

  /** A view of the writer's memory. */
  finish(): Buffer {
    return this.#out.finish();
  }
}
