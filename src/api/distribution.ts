/**
 * Distribution and ClusterDistribution: computed, read-only answers to "where is it, and why
 * there?" One per template.
 */
import type { Json, JsonObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { Column, Kind } from './kind.ts';

export const ownGroup = 'ubernetes.dev';

/** What one cluster's copy is up to. */
export type CopyState =
  | 'Synced'
  | 'Pending'
  | 'Waiting'
  | 'Unreachable'
  | 'Failed'
  | 'NameTaken'
  | 'Drifted'
  | 'Removing'
  | 'Orphaned'
  | 'Kept'
  | 'NotChosen';

export interface DriftEntry {
  /** Such as `spec.template.spec.containers[name=web].image`. */
  field: string;
  /** Values as compact JSON; of Secrets and env literals a salted hash. */
  expected: string;
  actual: string;
  /** Who changed it, as the member's managedFields tell. */
  manager: string;
  /** RFC 3339. */
  time: string;
  corrected: boolean;
}

export interface ClusterEntry {
  name: string;
  state: CopyState;
  /** Replicas asked; absent: the whole object. */
  share?: number;
  ready?: number;
  reason: string;
  message: string;
  lastError?: { time: string; message: string };
  drift?: DriftEntry[];
  /** Fields that the member stores otherwise than we wrote them, and that are not fought over. */
  altered?: string[];
}

const string: JsonObject = { type: 'string' };
const integer: JsonObject = { type: 'integer', format: 'int32' };

function described(schema: JsonObject, description: string): JsonObject {
  return { ...schema, description };
}

function object(properties: Record<string, JsonObject>, description: string): JsonObject {
  return { type: 'object', description, properties };
}

function listOf(items: Json, description: string): JsonObject {
  return { type: 'array', description, items };
}

const clusterEntry = object(
  {
    name: described(string, 'Name of the Cluster.'),
    state: described(
      string,
      'What this copy is up to: Synced, Pending, Waiting, Unreachable, Failed, NameTaken, …',
    ),
    share: described(
      integer,
      'Replicas asked of this cluster; absent for objects that are copied whole.',
    ),
    ready: described(integer, 'Replicas that are ready there.'),
    reason: described(string, 'Why the copy is here, is not here, or is not as it should be.'),
    message: described(string, 'The same for people.'),
    lastError: object({ time: string, message: string }, "The member's last refusal."),
    drift: listOf(
      object(
        {
          field: string,
          expected: string,
          actual: string,
          manager: string,
          time: string,
          corrected: { type: 'boolean' },
        },
        'One field that somebody changed in the member.',
      ),
      'Changes made behind the back of the federation.',
    ),
    altered: listOf(string, 'Fields that the member stores otherwise than they were written.'),
  },
  'One cluster.',
);

const schema: JsonObject = {
  type: 'object',
  description:
    'Where the copies of one object are, and why. Computed by the federation; read-only.',
  properties: {
    status: object(
      {
        template: object(
          {
            apiVersion: string,
            kind: string,
            name: string,
            uid: string,
            generation: { type: 'integer', format: 'int64' },
          },
          'The object whose copies these are.',
        ),
        mode: described(string, 'Divide, Copy, One or Home.'),
        placement: described(string, 'What governs it: default, an annotation, or a Placement.'),
        decision: described(integer, 'Number of the decision that is being carried out.'),
        summary: described(string, 'Shares in short.'),
        synced: described(string, 'Copies that are as they should be, of all.'),
        reason: described(string, 'What is not as it should be, in short.'),
        unplaced: described(integer, 'Replicas that no cluster gets.'),
        clusters: listOf(clusterEntry, 'One entry per cluster.'),
        conditions: listOf(
          { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          'Placed, Settled, Frozen.',
        ),
      },
      'What the federation knows of the copies.',
    ),
  },
};

const columns: readonly Column[] = [
  {
    name: 'Mode',
    type: 'string',
    priority: 0,
    jsonPath: '.status.mode',
    description: 'Divide, Copy, One or Home.',
  },
  {
    name: 'Shares',
    type: 'string',
    priority: 0,
    jsonPath: '.status.summary',
    description: 'Replicas per cluster.',
  },
  {
    name: 'Synced',
    type: 'string',
    priority: 0,
    jsonPath: '.status.synced',
    description: 'Copies as they should be.',
  },
  {
    name: 'Reason',
    type: 'string',
    priority: 0,
    jsonPath: '.status.reason',
    description: 'What is not as it should be.',
  },
  {
    name: 'Placement',
    type: 'string',
    priority: 1,
    jsonPath: '.status.placement',
    description: 'What governs it.',
  },
  {
    name: 'Decision',
    type: 'integer',
    priority: 1,
    jsonPath: '.status.decision',
    description: 'Its number.',
  },
  {
    name: 'Age',
    type: 'date',
    priority: 0,
    jsonPath: '.metadata.creationTimestamp',
    description: "The template's age.",
  },
];

function distributionType(kind: string, namespaced: boolean): ResourceType {
  return {
    group: ownGroup,
    version: 'v1alpha1',
    kind,
    resource: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced,
    verbs: ['get', 'list', 'watch'],
    shortNames: namespaced ? ['dist'] : ['cdist'],
    categories: [],
    subresources: [],
  };
}

export const distributionKind: Kind = {
  type: distributionType('Distribution', true),
  schema,
  columns,
};
export const clusterDistributionKind: Kind = {
  type: distributionType('ClusterDistribution', false),
  schema,
  columns,
};
