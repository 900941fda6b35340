/** Types that store nothing: what is posted to them is answered, and that is all. */
import { encodeJson } from '../../kube/json.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import type { TypeSchema } from '../../kube/schema.ts';
import { ApiError } from '../../kube/status.ts';
import { decodeObject } from '../../kube/validate.ts';
import type {
  Backend,
  Item,
  ObjectRef,
  RequestContext,
  WriteBody,
  WriteOptions,
  WriteResult,
} from '../backend.ts';

/** An answer as an item: it has no identity and no resourceVersion. */
export function virtualItem(object: KubeObject): Item {
  const { name = '', namespace = '' } = object.metadata;
  return {
    namespace,
    name,
    uid: '',
    resourceVersion: '',
    labels: {},
    bytes: encodeJson(object),
    object: () => object,
  };
}

export interface VirtualKind {
  readonly type: ResourceType;
  /** The object with its answer. */
  answer(
    context: RequestContext,
    object: KubeObject,
    ref: ObjectRef,
  ): KubeObject | Promise<KubeObject>;
}

/** A backend for types that can only be created. */
export class VirtualBackend implements Backend {
  readonly #kinds: ReadonlyMap<string, VirtualKind>;
  readonly #schemaOf: (type: ResourceType) => TypeSchema | undefined;

  /** `schemaOf`: what bodies are read by; without a schema they are taken as they are. */
  constructor(
    kinds: readonly VirtualKind[],
    schemaOf: (type: ResourceType) => TypeSchema | undefined = () => undefined,
  ) {
    this.#kinds = new Map(kinds.map((kind) => [keyOf(kind.type), kind]));
    this.#schemaOf = schemaOf;
  }

  async create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    { fieldValidation }: Pick<WriteOptions, 'fieldValidation'>,
  ): Promise<WriteResult> {
    const kind = this.#kinds.get(keyOf(ref.type));
    if (kind === undefined) throw unsupported();
    const schema = this.#schemaOf(ref.type);
    const { object, problems } = body;
    const warn = (text: string): void => context.warn(text);
    const read =
      schema === undefined
        ? object
        : decodeObject({ schema, object, problems, fieldValidation, warn });
    return { item: virtualItem(await kind.answer(context, read, ref)), created: true };
  }

  get(): Promise<never> {
    return Promise.reject(unsupported());
  }

  list(): Promise<never> {
    return Promise.reject(unsupported());
  }

  watch(): Promise<never> {
    return Promise.reject(unsupported());
  }

  update(): Promise<never> {
    return Promise.reject(unsupported());
  }

  patch(): Promise<never> {
    return Promise.reject(unsupported());
  }

  delete(): Promise<never> {
    return Promise.reject(unsupported());
  }

  deleteCollection(): Promise<never> {
    return Promise.reject(unsupported());
  }
}

function keyOf({ group, version, resource }: ResourceType): string {
  return `${group}/${version}/${resource}`;
}

function unsupported(): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );
}
