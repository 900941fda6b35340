/** The four kinds of patch, as modifications of an object. */
import { conversionProblem, goText } from '../../kube/go-text.ts';
import { parseJson, stringifyJson } from '../../kube/json.ts';
import { applyJsonPatch, parseJsonPatch } from '../../kube/json-patch.ts';
import { applyMergePatch, parseMergePatch } from '../../kube/merge-patch.ts';
import { isObject, type JsonObject, type KubeObject } from '../../kube/object.ts';
import { applyPatch } from '../../kube/server-side-apply.ts';
import { badRequest } from '../../kube/status.ts';
import { strategicMerge } from '../../kube/strategic.ts';
import { duplicateKeys, parseYaml } from '../../kube/yaml.ts';
import type { ObjectRef, PatchType, WriteOptions } from '../backend.ts';
import { withTypeMeta } from './prepare.ts';
import { hasSubresource, type TypeFacts } from './type-facts.ts';
import { resetFieldsOf } from './write-rules.ts';
import type { Candidate, Modification, TellablePatch } from './writes.ts';

export interface Patch {
  readonly type: PatchType;
  readonly body: Buffer;
}

/** @throws ApiError 400 or 415 for a patch that cannot be read */
export function modificationOf(
  patch: Patch,
  { ref, options, now }: { ref: ObjectRef; options: WriteOptions; now: number },
): Modification {
  if (patch.type === 'application/apply-patch+yaml')
    return applyOf(patch.body, { ref, options, now });
  const change = changeOf(patch);
  return {
    make(old, facts) {
      const object = change.apply(old as unknown as JsonObject, facts) as unknown as KubeObject;
      return { object, problems: change.problems, patch: tellable(patch, object) };
    },
  };
}

/**
 * A strategic patch is told as Go prints it, the others as what they make of the object. A Secret
 * is not shown to somebody who may only patch it.
 */
function tellable({ type, body }: Patch, object: KubeObject): TellablePatch {
  if (type === 'application/strategic-merge-patch+json')
    return { text: () => goText(parseJson(body).value), misfit: conversionProblem };
  if (object.kind === 'Secret') return { text: () => body.toString('utf8') };
  return { text: () => stringifyJson(sortedFields(object)) };
}

function sortedFields(object: KubeObject): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a patch that is no apply does to a JSON document. */
export interface Change {
  readonly problems: readonly string[];
  apply(document: JsonObject, facts: TypeFacts | undefined): JsonObject;
}

/** Without facts a strategic patch merges by field: for documents without lists (Scale). */
export function changeOf({ type, body }: Patch): Change {
  switch (type) {
    case 'application/json-patch+json': {
      const { operations, problems } = parseJsonPatch(body);
      return { problems, apply: (document) => applyJsonPatch(document, operations) as JsonObject };
    }
    case 'application/merge-patch+json': {
      const { patch, problems } = parseMergePatch(body);
      return { problems, apply: (document) => applyMergePatch(document, patch) };
    }
    case 'application/strategic-merge-patch+json': {
      const { patch, problems } = parseMergePatch(body);
      return {
        problems,
        apply: (document, facts) => {
          if (facts === undefined) return applyMergePatch(document, patch);
          const live = document as unknown as KubeObject;
          return strategicMerge({ schema: facts.schema, live, patch }) as unknown as JsonObject;
        },
      };
    }
    case 'application/apply-patch+yaml':
      return applyAsMerge(body);
  }
}

/** An apply to a document that has no owners of its own merges its fields. */
function applyAsMerge(body: Buffer): Change {
  const { value, problems } = parseYaml(body, { duplicates: 'report' });
  if (!isObject(value)) throw badRequest('error decoding YAML: the patch is no object');
  return { problems, apply: (document) => applyMergePatch(document, value) };
}

function applyOf(
  body: Buffer,
  { ref, options, now }: { ref: ObjectRef; options: WriteOptions; now: number },
): Modification {
  const { value, problems } = parseYaml(body, { duplicates: 'report' });
  if (!isObject(value)) throw badRequest('error decoding YAML: the patch is no object');
  const { type, subresource = '' } = ref;
  const patch = withTypeMeta(value as unknown as KubeObject, type);
  const strictly = problems.length === 0 ? [] : duplicateKeys(body);
  const make = (live: KubeObject | undefined, facts: TypeFacts): Candidate | undefined => {
    const { object, changed } = applyPatch({
      schema: facts.schema,
      live,
      patch,
      manager: options.fieldManager,
      force: options.force,
      now,
      resetFields: resetFieldsOf(type, {
        subresource,
        hasStatus: hasSubresource(type, 'status'),
        native: facts.schema.native,
      }),
      ...(subresource === '' ? {} : { subresource }),
    });
    if (strictly.length > 0 && options.fieldValidation === 'Strict')
      throw badRequest(
        `error strict decoding patch: error converting YAML to JSON: yaml: unmarshal errors:\n${strictly.map((one) => `  ${one}`).join('\n')}`,
      );
    if (!changed && live !== undefined && strictly.length === 0) return undefined;
    return { object, managed: true, applied: patch, problems: strictly };
  };
  const modification: Modification = { make };
  if (subresource !== '') return modification;
  return { make, makeNew: (facts) => make(undefined, facts)! };
}
