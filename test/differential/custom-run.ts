/** A made CustomResourceDefinition on both servers, and sequences of writes to its objects. */
import fc from 'fast-check';
import { stringifyJson } from '../../src/kube/json.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { compare, type Difference, differenceOf, type RunOptions } from './compare.ts';
import { type CustomModel, customKinds } from './custom.ts';
import type { Request } from './endpoint.ts';
import { type Operation, operationsOn } from './operations.ts';

export interface Definition {
  readonly kind: CustomModel;
  /** What is done to objects of it, each list with one of its own. */
  readonly sequences: readonly (readonly Operation[])[];
}

export const definitions: fc.Arbitrary<Definition> = customKinds.chain((kind) =>
  fc
    .array(operationsOn(kind), { minLength: 3, maxLength: 3 })
    .map((sequences) => ({ kind, sequences })),
);

const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface CustomRunOptions extends Omit<RunOptions, 'sequence'> {
  readonly definition: Definition;
}

export async function compareCustom(options: CustomRunOptions): Promise<Difference | undefined> {
  const { definition, name, oracle, ours } = options;
  const { kind, sequences } = definition;
  const request: Request = {
    method: 'POST',
    path,
    contentType: 'application/json',
    body: stringifyJson(kind.definition).replaceAll('{name}', name),
  };
  const about = { sequence: { kind, operations: [] }, at: 0, request };
  const [theirs, mine] = await Promise.all([oracle.send(request), ours.send(request)]);
  const difference = differenceOf(about, theirs, mine);
  if (difference !== undefined || theirs.status >= 300) return difference;
  try {
    await served(options);
    for (const [i, operations] of sequences.entries()) {
      const sequence = { kind: bound(kind, name), operations };
      const found = await compare({ ...options, sequence, name: `${name}-${i}`, watches: i === 0 });
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    const gone: Request = { method: 'DELETE', path: `${path}/mades.${name}.example.com` };
    await Promise.all([oracle.send(gone), ours.send(gone)]);
  }
}

/** Objects have names of their own, their group has that of the run. */
function bound(kind: CustomModel, name: string): CustomModel {
  const named = (text: string): string => text.replaceAll('{name}', name);
  return { ...kind, apiVersion: named(kind.apiVersion), collection: named(kind.collection) };
}

async function served({ definition, name, oracle, ours }: CustomRunOptions): Promise<void> {
  const collection = definition.kind.collection.replaceAll('{name}', name);
  for (const endpoint of [oracle, ours])
    await waitUntil({
      what: `${collection} to be served`,
      check: async () => (await endpoint.send({ method: 'GET', path: collection })).status === 200,
      everyMs: 50,
    });
}
