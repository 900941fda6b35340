/** What the registry asks the catalog about a type. */
import type { Kind } from '../../api/kind.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { TypeSchema } from '../../kube/schema.ts';

/** Where the scale subresource finds its numbers, as fields from the object's root. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A LabelSelector or a selector in text; undefined: the kind has none. */
  readonly selector: readonly string[] | undefined;
}

export interface TypeFacts {
  /** Of the served version. */
  readonly schema: TypeSchema;
  /** 'apps/v1': what objects are stored as; other served versions differ by this name only. */
  readonly storedAs: string;
  /** Present for a kind of our own. */
  readonly own: Kind | undefined;
  /** Present when the type has a scale subresource. */
  readonly scale: ScalePaths | undefined;
}

export interface TypeBook {
  factsOf(type: ResourceType): TypeFacts;
}

export function hasSubresource(type: ResourceType, name: string): boolean {
  return type.subresources.some((subresource) => subresource.name === name);
}
