/** What the registry asks the catalog about a type. */
import type { Kind } from '../../api/kind.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { TypeSchema } from '../../kube/schema.ts';
import type { ScalePaths } from '../custom/custom-kind.ts';
import type { CustomFacts } from '../custom/custom-kinds.ts';

export type { ScalePaths } from '../custom/custom-kind.ts';

export interface TypeFacts {
  /** Of the served version. */
  readonly schema: TypeSchema;
  /** 'apps/v1': what objects are stored as; other served versions differ by this name only. */
  readonly storedAs: string;
  /** Present for a kind of our own. */
  readonly own: Kind | undefined;
  /** Present for a kind that a definition of the federation's own describes. */
  readonly custom?: CustomFacts | undefined;
  /** How clusters differ about the type: told to whoever writes an object of it. */
  readonly skew?: readonly string[];
  /** Present when the type has a scale subresource. */
  readonly scale: ScalePaths | undefined;
}

export interface TypeBook {
  factsOf(type: ResourceType): TypeFacts;
  /** The resource of a served kind. */
  typeOfKind(apiVersion: string, kind: string): ResourceType | undefined;
}

export function hasSubresource(type: ResourceType, name: string): boolean {
  return type.subresources.some((subresource) => subresource.name === name);
}
