/**
 * The federation's own small records: which clusters a template has been decided into, and what has
 * been deleted.
 */
import type { JsonObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { Kind } from './kind.ts';

/** Never in a discovery document; only the federation itself may read or write it. */
export const recordsGroup = 'records.ubernetes.dev';

function recordType(kind: string, resource: string): ResourceType {
  return {
    group: recordsGroup,
    version: 'v1alpha1',
    kind,
    resource,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: false,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    shortNames: [],
    categories: [],
    subresources: [],
  };
}

export const decisionType = recordType('Decision', 'decisions');
export const tombstoneType = recordType('Tombstone', 'tombstones');

/** Which template a record speaks of; the record's own name is the template's uid. */
export interface TemplateIdentity {
  group: string;
  /** Version the template was stored in; copies are addressed in the member by it. */
  version: string;
  kind: string;
  resource: string;
  namespace: string;
  name: string;
  uid: string;
}

/** `spec` of a Decision: the newest stored one is what executors carry out. */
export interface DecisionSpec {
  template: TemplateIdentity;
  /** The planner's own record (placement/decision.ts), stored as it stands. */
  decision: JsonObject;
  /**
   * Clusters that this or an earlier decision took the copy from and that have not yet answered. No
   * copy goes without.
   */
  removing: Record<string, 'Delete' | 'Orphan'>;
}

/** `spec` of a Tombstone: the user's DELETE, kept until every member answered, plus 24 hours. */
export interface TombstoneSpec {
  template: TemplateIdentity;
  /** RFC 3339. */
  deletedAt: string;
  deletedBy: string;
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
  /** Clusters that have answered that no copy is left, or that it was released. */
  answered: string[];
  /** RFC 3339; set when no cluster is owed an answer any more. */
  completedAt?: string;
}

const anyObject: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const recordSchema: JsonObject = { type: 'object', properties: { spec: anyObject } };

export const decisionKind: Kind = {
  type: decisionType,
  schema: recordSchema,
  columns: [],
  hidden: true,
};
export const tombstoneKind: Kind = {
  type: tombstoneType,
  schema: recordSchema,
  columns: [],
  hidden: true,
};
