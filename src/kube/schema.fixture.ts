/** A small OpenAPI document and a custom schema with every sort of list and map, for tests. */
import type { JsonObject } from './object.ts';
import { SchemaSet } from './schema-set.ts';

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
const text: JsonObject = { type: 'string' };
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const strings: JsonObject = { type: 'object', additionalProperties: text };

const document: JsonObject = {
  paths: {
    '/apis/apps/v1/namespaces/{namespace}/deployments/{name}': {
      patch: { requestBody: { content: { 'application/strategic-merge-patch+json': {} } } },
    },
  },
  components: {
    schemas: {
      'io.k8s.api.apps.v1.Deployment': {
        type: 'object',
        required: ['spec'],
        properties: {
          apiVersion: text,
          kind: text,
          metadata: { allOf: [ref(meta)], default: {} },
          spec: { allOf: [ref('io.k8s.api.apps.v1.DeploymentSpec')], default: {} },
        },
        'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'Deployment' }],
      },
      'io.k8s.api.apps.v1.DeploymentSpec': {
        type: 'object',
        required: ['template'],
        properties: {
          replicas: { type: 'integer', format: 'int32' },
          paused: { type: 'boolean' },
          strategy: {
            allOf: [ref('io.k8s.api.apps.v1.DeploymentStrategy')],
            default: {},
            'x-kubernetes-patch-strategy': 'retainKeys',
          },
          template: { allOf: [ref('io.k8s.api.core.v1.PodTemplateSpec')], default: {} },
        },
      },
      'io.k8s.api.apps.v1.DeploymentStrategy': {
        type: 'object',
        properties: {
          type: text,
          rollingUpdate: { allOf: [ref('io.k8s.api.apps.v1.RollingUpdateDeployment')] },
        },
      },
      'io.k8s.api.apps.v1.RollingUpdateDeployment': {
        type: 'object',
        properties: { maxSurge: ref(intOrString), maxUnavailable: ref(intOrString) },
      },
      'io.k8s.api.core.v1.PodTemplateSpec': {
        type: 'object',
        properties: {
          metadata: { allOf: [ref(meta)], default: {} },
          spec: { allOf: [ref('io.k8s.api.core.v1.PodSpec')], default: {} },
        },
      },
      'io.k8s.api.core.v1.PodSpec': {
        type: 'object',
        required: ['containers'],
        properties: {
          nodeSelector: { ...strings, 'x-kubernetes-map-type': 'atomic' },
          restartPolicy: text,
          containers: {
            type: 'array',
            items: { allOf: [ref('io.k8s.api.core.v1.Container')], default: {} },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            'x-kubernetes-patch-strategy': 'merge',
            'x-kubernetes-patch-merge-key': 'name',
          },
        },
      },
      'io.k8s.api.core.v1.Container': {
        type: 'object',
        required: ['name'],
        properties: {
          name: { ...text, default: '' },
          image: text,
          imagePullPolicy: text,
          args: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
          resources: {
            allOf: [ref('io.k8s.api.core.v1.ResourceRequirements')],
            default: {},
          },
          ports: {
            type: 'array',
            items: { allOf: [ref('io.k8s.api.core.v1.ContainerPort')], default: {} },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
            'x-kubernetes-patch-strategy': 'merge',
            'x-kubernetes-patch-merge-key': 'containerPort',
          },
        },
      },
      'io.k8s.api.core.v1.ContainerPort': {
        type: 'object',
        properties: {
          containerPort: { type: 'integer', format: 'int32', default: 0 },
          protocol: { ...text, default: 'TCP' },
          name: text,
        },
      },
      'io.k8s.api.core.v1.ResourceRequirements': {
        type: 'object',
        properties: { limits: { type: 'object', additionalProperties: ref(quantity) } },
      },
      [intOrString]: { format: 'int-or-string', oneOf: [{ type: 'integer' }, text] },
      [quantity]: { oneOf: [text, { type: 'number' }] },
      [meta]: {
        type: 'object',
        properties: {
          name: text,
          namespace: text,
          uid: text,
          creationTimestamp: { type: 'string', format: 'date-time' },
          labels: strings,
          annotations: strings,
          finalizers: {
            type: 'array',
            items: text,
            'x-kubernetes-list-type': 'set',
            'x-kubernetes-patch-strategy': 'merge',
          },
          managedFields: {
            type: 'array',
            items: { type: 'object' },
            'x-kubernetes-list-type': 'atomic',
          },
        },
      },
    },
  },
};

const port: JsonObject = {
  type: 'object',
  required: ['port'],
  properties: {
    port: { type: 'integer' },
    protocol: { type: 'string', default: 'TCP' },
    note: text,
  },
};

const thing: JsonObject = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10, format: 'int32' },
        mode: { type: 'string', enum: ['A', 'B'], default: 'A' },
        code: { type: 'string', pattern: '^a+$', minLength: 2, maxLength: 4 },
        none: { type: 'string', nullable: true },
        tags: { type: 'array', items: text, maxItems: 3, 'x-kubernetes-list-type': 'set' },
        plain: { type: 'array', items: text, minItems: 1 },
        ports: {
          type: 'array',
          items: port,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
        },
        options: { ...strings, maxProperties: 2 },
        whole: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: { a: text, b: text },
        },
        either: {
          type: 'object',
          properties: { a: text, b: text },
          oneOf: [{ required: ['a'] }, { required: ['b'] }],
        },
        when: { type: 'string', format: 'date-time' },
        amount: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        inner: { type: 'object', properties: { x: text, deep: { ...port, required: [] } } },
        pod: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: {} },
      },
    },
  },
};

/** apps/v1 Deployment from the document, example.com/v1 Thing from the custom schema. */
export function fixtureSchemas(): SchemaSet {
  const schemas = new SchemaSet();
  schemas.addDocument({ group: 'apps', version: 'v1', load: () => JSON.stringify(document) });
  schemas.addKind({ group: 'example.com', version: 'v1', kind: 'Thing' }, thing);
  return schemas;
}
