/** CustomResourceDefinitions with made schemas, and what is written into their objects. */
import type fc from 'fast-check';
import type { Json, JsonObject } from '../../src/kube/object.ts';
import { makeSchema } from './custom-schema.ts';
import { type Draw, drawn } from './draw.ts';
import { type KindModel, model } from './kinds.ts';
import {
  fitting,
  misfitting,
  nested,
  plainSchemas,
  pointer,
  type Spot,
  spot,
} from './schema-values.ts';

/** `{name}` stands in it for the name of the run, which every group begins with. */
export interface CustomModel extends KindModel {
  readonly definition: JsonObject;
}

const top = { schemas: plainSchemas, field: '', depth: 3 };

export const customKinds: fc.Arbitrary<CustomModel> = drawn(makeKind);

function makeKind(draw: Draw): CustomModel {
  const scale = draw.once(2);
  const status = scale || draw.once(2);
  const schema = rootSchema(draw, scale);
  const scope = draw.once(4) ? 'Cluster' : 'Namespaced';
  const apiVersion = '{name}.example.com/v1';
  const place = scope === 'Cluster' ? '' : 'namespaces/default/';
  const { spec, status: statusSchema } = schema.properties as Record<string, JsonObject>;
  const parts = (root: Spot, many: number): JsonObject[] =>
    Array.from({ length: many }, () => {
      const { path, schema: at } = spot(draw, root, plainSchemas, 2);
      return nested(path, fitting(draw, at, top));
    });
  const specSpot: Spot = { path: ['spec'], schema: spec! };
  const spots = Array.from({ length: 6 }, () => spot(draw, specSpot, plainSchemas, 2));
  return {
    ...model({
      apiVersion,
      kind: 'Made',
      collection: `/apis/${apiVersion}/${place}mades`,
      base: { spec: fitting(draw, spec!, { ...top, depth: 1 }) },
      pieces: parts(specSpot, 8),
      removals: spots.slice(0, 3).map(({ path }) => nested(path, null)),
      misfits: Array.from({ length: 4 }, () => {
        const { path, schema: at } = spot(draw, specSpot, plainSchemas, 3);
        return nested(path, misfitting(draw, at, top));
      }),
      places: spots.map(({ path, schema: at }) => [pointer(path), fitting(draw, at, top)] as const),
      ...(status && { status: parts({ path: ['status'], schema: statusSchema! }, 4) }),
      scale,
    }),
    ...{ custom: true, versioned: true },
    definition: definitionOf(schema, { scope, status, scale }),
  };
}

function rootSchema(draw: Draw, scale: boolean): JsonObject {
  const spec = makeSchema(draw, { depth: 3, type: 'object' });
  const properties = (spec.properties ?? {}) as JsonObject;
  if (scale) properties.replicas = { type: 'integer', ...(draw.once(2) && { default: 1 }) };
  return {
    type: 'object',
    properties: {
      spec: { ...spec, properties },
      status: {
        type: 'object',
        properties: {
          phase: { type: 'string' },
          replicas: { type: 'integer' },
          selector: { type: 'string' },
          conditions: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['type'],
            items: {
              type: 'object',
              required: ['type'],
              properties: {
                type: { type: 'string' },
                status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                since: { type: 'string', format: 'date-time' },
              },
            },
          },
        },
      },
    },
  };
}

function definitionOf(
  schema: JsonObject,
  options: { scope: string; status: boolean; scale: boolean },
): JsonObject {
  const subresources: JsonObject = {
    ...(options.status && { status: {} }),
    ...(options.scale && {
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    }),
  };
  const version: Json = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: schema },
    ...(options.status && { subresources }),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'mades.{name}.example.com' },
    spec: {
      group: '{name}.example.com',
      scope: options.scope,
      names: { plural: 'mades', singular: 'made', kind: 'Made', listKind: 'MadeList' },
      versions: [version],
    },
  };
}
