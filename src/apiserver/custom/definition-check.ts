/** What is wrong with a CustomResourceDefinition, in kube-apiserver's words. Pure. */
import { schemaCauses } from '../../kube/custom-schema.ts';
import { deepEqual } from '../../kube/json.ts';
import { label1035Problems, subdomainProblems } from '../../kube/name-syntax.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  type KubeObject,
  objectAt,
  valueAt,
} from '../../kube/object.ts';
import { quoteGo } from '../../kube/quote.ts';
import type { StatusCause } from '../../kube/status.ts';
import { forbiddenValue } from '../../kube/structural-schema.ts';
import { invalidValue, requiredValue } from '../../kube/validate-meta.ts';
import { isEstablished, listAt } from './custom-kind.ts';
import { selectableCauses } from './selectable-fields.ts';

/** An update of what a definition says already is not refused for what was accepted once. */
export function checkDefinition(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const spec = objectAt(object, 'spec') ?? {};
  const before = objectAt(old, 'spec');
  if (before !== undefined && deepEqual(spec, before)) return storedCauses(object);
  const causes: StatusCause[] = [];
  if (old === undefined) causes.push(...nameCauses(object, spec));
  causes.push(...specCauses(spec, before), ...storedCauses(object));
  if (old !== undefined && before !== undefined) causes.push(...changeCauses(spec, before, old));
  causes.push(...approvalCauses(object, old));
  if (spec.preserveUnknownFields === true && before?.preserveUnknownFields !== true)
    causes.push(
      invalidValue(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in ' +
          'spec.versions[*].schema instead',
      ),
    );
  return causes;
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : '';
}

function nameCauses({ metadata }: KubeObject, spec: JsonObject): StatusCause[] {
  const wanted = `${textAt(spec, 'names', 'plural')}.${textAt(spec, 'group')}`;
  if (metadata.name === wanted) return [];
  const why = 'must be spec.names.plural+"."+spec.group';
  return [invalidValue('metadata.name', metadata.name ?? '', why)];
}

function specCauses(spec: JsonObject, before: JsonObject | undefined): StatusCause[] {
  const versions = listAt(spec, 'versions').filter(isObject);
  return [
    ...groupCauses(textAt(spec, 'group')),
    ...enumCauses('spec.scope', textAt(spec, 'scope'), ['Cluster', 'Namespaced']),
    ...missingSchemas(versions),
    ...versionCauses(versions, listAt(before, 'versions').filter(isObject)),
    ...versionListCauses(versions),
    ...requiredNames(spec),
    ...namesCauses(objectAt(spec, 'names') ?? {}),
    ...conversionCauses(objectAt(spec, 'conversion')),
  ];
}

function groupCauses(group: string): StatusCause[] {
  const field = 'spec.group';
  if (group === '') return [requiredValue(field)];
  const problems = subdomainProblems(group);
  if (problems.length > 0) return [invalidValue(field, group, problems.join(','))];
  if (group.includes('.')) return [];
  return [invalidValue(field, group, 'should be a domain with at least one dot')];
}

function enumCauses(field: string, value: string, accepted: readonly string[]): StatusCause[] {
  if (value === '') return [requiredValue(field)];
  return accepted.includes(value) ? [] : [notSupported(field, value, accepted)];
}

function notSupported(field: string, value: string, accepted: readonly string[]): StatusCause {
  const list = accepted.map(quoteGo).join(', ');
  const message = `Unsupported value: ${quoteGo(value)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

/** Versions that say the same are told of once, as kube-apiserver holds them. */
function shared(versions: readonly JsonObject[], part: string): boolean {
  const [first] = versions;
  return (
    first?.[part] !== undefined && versions.every((each) => deepEqual(each[part], first[part]))
  );
}

function missingSchemas(versions: readonly JsonObject[]): StatusCause[] {
  if (shared(versions, 'schema') && objectAt(versions[0], 'schema', 'openAPIV3Schema')) return [];
  return versions.flatMap((version, i) =>
    objectAt(version, 'schema', 'openAPIV3Schema') === undefined
      ? [requiredValue(`spec.versions[${i}].schema.openAPIV3Schema`)]
      : [],
  );
}

function versionCauses(
  versions: readonly JsonObject[],
  before: readonly JsonObject[],
): StatusCause[] {
  const causes: StatusCause[] = [];
  const places = {
    schema: shared(versions, 'schema') ? 'spec.validation' : undefined,
    subresources: shared(versions, 'subresources') ? 'spec.subresources' : undefined,
    columns: shared(versions, 'additionalPrinterColumns')
      ? 'spec.additionalPrinterColumns'
      : undefined,
    selectable: shared(versions, 'selectableFields') ? 'spec.selectableFields' : undefined,
  };
  for (const [i, version] of versions.entries()) {
    const at = `spec.versions[${i}]`;
    const name = textAt(version, 'name');
    const problems = dns1035Problems(name);
    if (problems !== '') causes.push(invalidValue(`${at}.name`, name, problems));
    const warning = version.deprecationWarning;
    if (typeof warning === 'string' && version.deprecated !== true)
      causes.push(
        invalidValue(
          `${at}.deprecationWarning`,
          warning,
          'can only be set for deprecated versions',
        ),
      );
    const old = before.find((each) => each.name === version.name);
    const first = i === 0;
    if (places.schema === undefined || first)
      causes.push(...versionSchema(version, old, places.schema ?? `${at}.schema`));
    if (places.subresources === undefined || first)
      causes.push(...scaleCauses(version, places.subresources ?? `${at}.subresources`));
    if (places.columns === undefined || first)
      causes.push(...columnCauses(version, places.columns ?? `${at}.additionalPrinterColumns`));
    if (places.selectable === undefined || first)
      causes.push(...selectedCauses(version, places.selectable ?? `${at}.selectableFields`));
  }
  // kube-apiserver holds the first version in a field of its own, too, and says it twice.
  const first = textAt(versions[0] ?? {}, 'name');
  const problems = first === '' ? '' : dns1035Problems(first);
  if (problems !== '') causes.push(invalidValue('spec.version', first, problems));
  return causes;
}

/** A schema that has not changed was accepted before. */
function versionSchema(
  version: JsonObject,
  old: JsonObject | undefined,
  at: string,
): StatusCause[] {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  if (schema === undefined || deepEqual(version.schema, old?.schema)) return [];
  const path = `${at}.openAPIV3Schema`;
  const causes: StatusCause[] = [];
  const hasStatus = objectAt(version, 'subresources', 'status') !== undefined;
  if (hasStatus && schema.type !== undefined && schema.type !== 'object') {
    const why =
      'only "object" is allowed as the type at the root of the schema if the status subresource ' +
      'is enabled';
    causes.push(invalidValue(`${path}.type`, schema.type, why));
  }
  return [...causes, ...schemaCauses(schema, path)];
}

function versionListCauses(versions: readonly JsonObject[]): StatusCause[] {
  const causes: StatusCause[] = [];
  const shown = versions as unknown as Json;
  const names = versions.map(({ name }) => name);
  if (new Set(names).size < names.length)
    causes.push(invalidValue('spec.versions', shown, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage === true).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    causes.push(invalidValue('spec.versions', shown, why));
  }
  return causes;
}

function requiredNames(spec: JsonObject): StatusCause[] {
  return ['plural', 'singular', 'kind', 'listKind']
    .filter((name) => textAt(spec, 'names', name) === '')
    .map((name) => requiredValue(`spec.names.${name}`));
}

function namesCauses(names: JsonObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const check = (field: string, value: string, prefix = ''): void => {
    const problems =
      value === '' ? '' : dns1035Problems(prefix === '' ? value : value.toLowerCase());
    if (problems !== '') causes.push(invalidValue(`spec.names.${field}`, value, prefix + problems));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  check('plural', textAt(names, 'plural'));
  check('singular', textAt(names, 'singular'));
  check('kind', textAt(names, 'kind'), mixed);
  check('listKind', textAt(names, 'listKind'), mixed);
  for (const [i, name] of listAt(names, 'shortNames').entries())
    check(`shortNames[${i}]`, String(name));
  if (names.kind !== undefined && names.kind !== '' && names.kind === names.listKind)
    causes.push(
      invalidValue('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  for (const [i, name] of listAt(names, 'categories').entries())
    check(`categories[${i}]`, String(name));
  return causes;
}

function dns1035Problems(name: string): string {
  return label1035Problems(name).join(',');
}

function simplePathCauses(path: string, field: string): StatusCause[] {
  if (path.startsWith('.')) return [];
  return [invalidValue(field, path, 'must be a simple json path starting with .')];
}

function scaleCauses(version: JsonObject, at: string): StatusCause[] {
  const scale = objectAt(version, 'subresources', 'scale');
  if (scale === undefined) return [];
  const causes: StatusCause[] = [];
  for (const [name, root] of [
    ['specReplicasPath', '.spec.'],
    ['statusReplicasPath', '.status.'],
  ] as const) {
    const field = `${at}.scale.${name}`;
    const path = textAt(scale, name);
    const simple = path === '' ? [requiredValue(field)] : simplePathCauses(path, field);
    if (simple.length > 0) causes.push(...simple);
    else if (!path.startsWith(root))
      causes.push(invalidValue(field, path, `should be a json path under ${root.slice(0, -1)}`));
  }
  const selector = textAt(scale, 'labelSelectorPath');
  const field = `${at}.scale.labelSelectorPath`;
  const simple = selector === '' ? [] : simplePathCauses(selector, field);
  causes.push(...simple);
  if (selector !== '' && simple.length === 0 && !/^\.(spec|status)\./.test(selector)) {
    const why = 'should be a json path under either .spec or .status';
    causes.push(invalidValue(field, selector, why));
  }
  return causes;
}

function selectedCauses(version: JsonObject, at: string): StatusCause[] {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  const fields = listAt(version, 'selectableFields');
  return schema === undefined ? [] : selectableCauses(fields, schema, at);
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = [
  ...['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'],
];

function columnCauses(version: JsonObject, at: string): StatusCause[] {
  return listAt(version, 'additionalPrinterColumns').flatMap((column, i) => {
    const place = `${at}[${i}]`;
    const causes: StatusCause[] = [];
    const [type, format, path] = ['type', 'format', 'jsonPath'].map((n) => textAt(column, n)) as [
      string,
      string,
      string,
    ];
    if (textAt(column, 'name') === '') causes.push(requiredValue(`${place}.name`));
    const oneOf = `must be one of ${columnTypes.join(',')}`;
    if (type === '') causes.push(requiredValue(`${place}.type`, oneOf));
    else if (!columnTypes.includes(type)) causes.push(invalidValue(`${place}.type`, type, oneOf));
    if (format !== '' && !columnFormats.includes(format)) {
      const why = `must be one of ${columnFormats.join(',')}`;
      causes.push(invalidValue(`${place}.format`, format, why));
    }
    if (path === '') causes.push(requiredValue(`${place}.JSONPath`));
    else causes.push(...simplePathCauses(path, `${place}.JSONPath`));
    return causes;
  });
}

function conversionCauses(conversion: JsonObject | undefined): StatusCause[] {
  if (conversion === undefined) return [];
  const field = 'spec.conversion';
  const strategy = textAt(conversion, 'strategy');
  const causes = enumCauses(`${field}.strategy`, strategy, ['None', 'Webhook']);
  const config = objectAt(conversion, 'webhook', 'clientConfig');
  const reviewed = listAt(conversion, 'webhook', 'conversionReviewVersions').map(String);
  const at = `${field}.webhookClientConfig`;
  const versionsAt = `${field}.conversionReviewVersions`;
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (config !== undefined) causes.push(forbiddenValue(at, why));
    if (reviewed.length > 0) causes.push(forbiddenValue(versionsAt, why));
    return causes;
  }
  if (config === undefined)
    causes.push(requiredValue(at, 'required when strategy is set to Webhook'));
  else if ((config.url === undefined) === (config.service === undefined))
    causes.push(requiredValue(at, 'exactly one of url or service is required'));
  if (reviewed.length === 0) causes.push(requiredValue(versionsAt));
  else if (!reviewed.some((version) => version === 'v1' || version === 'v1beta1'))
    causes.push(invalidValue(versionsAt, reviewed, 'must include at least one of v1, v1beta1'));
  return causes;
}

function storedCauses(object: KubeObject): StatusCause[] {
  const field = 'status.storedVersions';
  const stored = listAt(object, 'status', 'storedVersions').map(String);
  if (stored.length === 0)
    return [invalidValue(field, stored, 'must have at least one stored version')];
  const names = new Set(listAt(object, 'spec', 'versions').map((each) => valueAt(each, 'name')));
  return stored.flatMap((name, i) =>
    names.has(name)
      ? []
      : [
          invalidValue(
            `${field}[${i}]`,
            name,
            `missing from spec.versions; ${name} was previously a storage version, and must remain ` +
              'in spec.versions until a storage migration ensures no data remains persisted in ' +
              `${name} and removes ${name} from status.storedVersions`,
          ),
        ],
  );
}

function changeCauses(spec: JsonObject, before: JsonObject, old: KubeObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const fixed = (...path: readonly string[]): void => {
    const value = valueAt(spec, ...path);
    if (!deepEqual(value ?? '', valueAt(before, ...path) ?? ''))
      causes.push(invalidValue(['spec', ...path].join('.'), value ?? '', 'field is immutable'));
  };
  if (isEstablished(old)) {
    fixed('scope');
    fixed('names', 'kind');
  }
  fixed('group');
  fixed('names', 'plural');
  return causes;
}

const approval = 'api-approved.kubernetes.io';
const see = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** Kubernetes' own groups are not everybody's. */
function approvalCauses(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(textAt(object, 'spec', 'group'))) return [];
  const annotation = object.metadata.annotations?.[approval] ?? '';
  if (old !== undefined && (old.metadata.annotations?.[approval] ?? '') === annotation) return [];
  const field = `metadata.annotations[${approval}]`;
  if (annotation === '')
    return [
      requiredValue(
        field,
        `protected groups must have approval annotation ${quoteGo(approval)}, ${see}`,
      ),
    ];
  if (annotation.startsWith('unapproved') || /^[a-z][a-z0-9+.-]*:\/\/[^/]+/i.test(annotation))
    return [];
  const why =
    `protected groups must have approval annotation ${quoteGo(approval)} with either a URL or a ` +
    `reason starting with "unapproved", ${see}`;
  return [invalidValue(field, annotation, why)];
}
