/** Match conditions: CEL over a write, before a webhook or a policy is asked. */
import type { ResourceType } from '../../kube/resource.ts';
import type { Attributes } from './attributes.ts';
import type { Condition } from './hooks.ts';

export type Outcome = 'match' | 'no match' | { readonly error: string };

export interface Conditions {
  /** All must hold; one that is false decides, whatever errors others have. */
  evaluate(conditions: readonly Condition[], attributes: Attributes, type: ResourceType): Outcome;
}
