/** Formats in the schemas of a CustomResourceDefinition that nobody checks. Pure. */
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import { listAt } from './custom-kind.ts';

/** As kube-apiserver knows them, without dashes. */
const ofText: ReadonlySet<string> = new Set([
  ...['bsonobjectid', 'uri', 'email', 'hostname', 'ipv4', 'ipv6', 'cidr', 'mac', 'uuid', 'uuid3'],
  ...['uuid4', 'uuid5', 'isbn', 'isbn10', 'isbn13', 'creditcard', 'ssn', 'hexcolor', 'rgbcolor'],
  ...['byte', 'password', 'date', 'duration', 'datetime', 'k8sshortname', 'k8slongname'],
]);

/** Warnings about the formats that are new in the definition. */
export function unknownFormats(definition: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old === undefined ? [] : formatsOf(old));
  return formatsOf(definition)
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${quoteGo(format)}`);
}

function formatsOf(definition: KubeObject): string[] {
  return listAt(definition, 'spec', 'versions').flatMap((version) =>
    formatsIn(valueAt(version, 'schema', 'openAPIV3Schema')),
  );
}

function formatsIn(schema: Json | undefined): string[] {
  if (Array.isArray(schema)) return schema.flatMap(formatsIn);
  if (!isObject(schema)) return [];
  const { format, type } = schema;
  const own = typeof format === 'string' && !isKnown(format, type) ? [format] : [];
  const inner = [schema.items, schema.additionalProperties, schema.not].flatMap(formatsIn);
  const several = [schema.allOf, schema.anyOf, schema.oneOf].flatMap(formatsIn);
  const properties: Json[] = Object.values((schema.properties ?? {}) as JsonObject);
  return [...own, ...inner, ...several, ...properties.flatMap(formatsIn)];
}

const ofNumbers: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

function isKnown(format: string, type: Json | undefined): boolean {
  if (format === '') return true;
  const name = typeof type === 'string' ? type : '';
  if (name === '' || name === 'string') return ofText.has(format.replaceAll('-', ''));
  return ofNumbers[name]?.includes(format) ?? false;
}
