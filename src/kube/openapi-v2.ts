/**
 * OpenAPI v2 from OpenAPI v3, as kube-apiserver publishes one beside the other: what v2 has no
 * words for is left out.
 */
import { isObject, type Json, type JsonObject } from './object.ts';
import { SharedParameters } from './openapi-v2-parameters.ts';

/** Of one group version; documents have many definitions and parameters in common. */
export interface SwaggerParts {
  readonly definitions: JsonObject;
  readonly paths: JsonObject;
  /** Those that paths refer to. */
  readonly parameters: JsonObject;
}

/** kube-apiserver publishes no defaults in v2. */
const dropped = ['allOf', 'anyOf', 'oneOf', 'not', 'nullable', 'default'];
const gvkKey = 'x-kubernetes-group-version-kind';
const preserveKey = 'x-kubernetes-preserve-unknown-fields';
const schemasPrefix = '#/components/schemas/';

/** Of a document `{paths, components: {schemas}}`; nothing of the document is changed. */
export function swaggerOf(document: JsonObject): SwaggerParts {
  const definitions: JsonObject = {};
  for (const [name, schema] of entriesOf(objectIn(document['components'])['schemas']))
    definitions[name] = definition(objectIn(schema));
  const paths: JsonObject = {};
  const shared = new SharedParameters();
  for (const [path, item] of entriesOf(document['paths']))
    paths[path] = pathItem(objectIn(item), shared);
  return { definitions, paths, parameters: shared.all };
}

function definition(schema: JsonObject): JsonObject {
  // kubectl would take any property that is named for the only ones that are allowed.
  if (schema[preserveKey] === true && schema[gvkKey] !== undefined)
    return { type: 'object', [gvkKey]: schema[gvkKey] };
  return converted(schema);
}

function converted(schema: JsonObject): JsonObject {
  const reference = referenceOf(schema);
  if (reference !== undefined) {
    const { allOf: _, default: _value, ...beside } = schema;
    return { ...beside, $ref: reference };
  }
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (dropped.includes(key)) continue;
    result[key] = convertedValue(key, value!);
  }
  if (schema['oneOf'] !== undefined && schema['type'] === undefined) {
    const type = firstType(schema['oneOf']);
    if (type !== undefined) result['type'] = type;
  }
  dropUnsupported(schema, result);
  return result;
}

function convertedValue(key: string, value: Json): Json {
  if (key === 'properties')
    return Object.fromEntries(
      entriesOf(value).map(([name, one]) => [name, converted(objectIn(one))]),
    );
  const nested = key === 'items' || key === 'additionalProperties';
  return nested && isObject(value) ? converted(value) : value;
}

/** What kubectl cannot cope with, in the order in which kube-apiserver takes it out. */
function dropUnsupported(schema: JsonObject, result: JsonObject): void {
  if (schema['nullable'] === true) {
    for (const key of ['type', 'items', 'properties']) delete result[key];
  }
  const preserves = schema[preserveKey] === true;
  if (preserves) for (const key of ['items', 'properties']) delete result[key];
  if (result['type'] === 'array' && result['items'] === undefined) delete result['type'];
  if (preserves && result['type'] === 'object') delete result['type'];
  const { required } = schema;
  if (!Array.isArray(required)) return;
  const properties = objectIn(schema['properties']);
  const left = required.filter((name) => objectIn(properties[String(name)])['nullable'] !== true);
  const values = objectIn(schema['additionalProperties']);
  if (left.length === 0 || values['nullable'] === true) delete result['required'];
  else result['required'] = left;
}

/** Of `{$ref}` and of `{allOf: [{$ref}]}`, which is how v3 puts words beside a reference. */
function referenceOf({ $ref: direct, allOf }: JsonObject): string | undefined {
  const only = Array.isArray(allOf) && allOf.length === 1 ? objectIn(allOf[0])['$ref'] : undefined;
  const reference = direct ?? only;
  if (typeof reference !== 'string') return undefined;
  return reference.replace(schemasPrefix, '#/definitions/');
}

function firstType(alternatives: Json): Json | undefined {
  if (!Array.isArray(alternatives)) return undefined;
  const types = alternatives.map((one) => objectIn(one)['type']);
  return types.includes('string') ? 'string' : types[0];
}

function pathItem(item: JsonObject, shared: SharedParameters): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(item)) {
    if (key === 'parameters') result[key] = parametersOf(value, shared);
    else result[key] = isObject(value) ? operation(value, shared) : value!;
  }
  return result;
}

function operation(given: JsonObject, shared: SharedParameters): JsonObject {
  const { parameters, requestBody, responses, ...rest } = given;
  const contents = entriesOf(responses).map(([, response]) =>
    objectIn(objectIn(response)['content']),
  );
  const produces = [...new Set(contents.flatMap((content) => Object.keys(content)))];
  const body = bodyOf(requestBody);
  const own = body === undefined ? [] : [shared.refer(body.parameter)];
  const all = [...own, ...parametersOf(parameters, shared)];
  return {
    ...rest,
    consumes: body?.consumes ?? ['*/*'],
    ...(all.length === 0 ? {} : { parameters: all }),
    produces: produces.length === 0 ? ['*/*'] : produces,
    responses: Object.fromEntries(entriesOf(responses).map(([code, one]) => [code, response(one)])),
    schemes: ['https'],
  };
}

function bodyOf(given: Json | undefined) {
  if (!isObject(given)) return undefined;
  const { content, required } = given;
  const consumes = Object.keys(objectIn(content));
  const parameter: JsonObject = {
    in: 'body',
    name: 'body',
    ...(required === undefined ? {} : { required }),
    schema: schemaIn(content),
  };
  return { consumes, parameter };
}

function response(given: Json | undefined): JsonObject {
  const { content, ...rest } = objectIn(given);
  return content === undefined ? rest : { ...rest, schema: schemaIn(content) };
}

/** The schema of any of the media types: they have all the same. */
function schemaIn(content: Json | undefined): JsonObject {
  const [first] = Object.values(objectIn(content));
  return converted(objectIn(objectIn(first)['schema']));
}

/** v2 says the type of a parameter beside its name. */
function parametersOf(given: Json | undefined, shared: SharedParameters): JsonObject[] {
  if (!Array.isArray(given)) return [];
  return given.map((one) => {
    const { schema, ...rest } = objectIn(one);
    return shared.refer({ ...rest, ...objectIn(schema) });
  });
}

function objectIn(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function entriesOf(value: Json | undefined): [string, Json | undefined][] {
  return Object.entries(objectIn(value));
}
