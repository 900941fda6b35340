/**
 * The seam for everything that is served: handlers turn HTTP into these calls and their answers
 * back into bytes.
 * The registry is the default backend; merged views, computed kinds and member proxies are further
 * ones.
 */
import type { Duplex } from 'node:stream';
import type { KubeObject } from '../kube/object.ts';
import type { ResourceType } from '../kube/resource.ts';
import type { FieldSelector, LabelSelector } from '../kube/selector.ts';
import type { Status } from '../kube/status.ts';

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface RequestContext {
  readonly user: User;
  /** The Audit-Id of this request. */
  readonly auditId: string;
  readonly signal: AbortSignal;
  /** Adds a `Warning: 299` header to the response. */
  warn(text: string): void;
  /** Adds an annotation to the request's audit event, if there is one. */
  annotate?(key: string, value: string): void;
}

/** Names one object, or one subresource of it. `namespace` is '' for cluster-scoped types. */
export interface ObjectRef {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly subresource?: string;
}

/**
 * One object at one resourceVersion: exact bytes, with what selectors need beside them. Immutable.
 */
export interface Item {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Canonical JSON: apiVersion, kind, metadata first; resourceVersion included. */
  readonly bytes: Buffer;
  /** Parsed on first use and shared: never change it. */
  object(): KubeObject;
}

export interface ListRequest {
  readonly type: ResourceType;
  /** '' = all namespaces, or a cluster-scoped type. */
  readonly namespace: string;
  readonly labelSelector: LabelSelector;
  readonly fieldSelector: FieldSelector;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface ListResult {
  readonly items: readonly Item[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchRequest {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly labelSelector: LabelSelector;
  readonly fieldSelector: FieldSelector;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'NotOlderThan';
  readonly sendInitialEvents?: boolean;
  readonly allowWatchBookmarks: boolean;
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly item: Item }
  | {
      readonly type: 'BOOKMARK';
      readonly resourceVersion: string;
      readonly initialEventsEnd: boolean;
    }
  | { readonly type: 'ERROR'; readonly status: Status };

/** Batches of events; leaving the loop ends the watch, and so does the request's signal. */
export type WatchStream = AsyncIterable<readonly WatchEvent[]>;

export interface WriteOptions {
  readonly dryRun: boolean;
  /** From ?fieldManager, or the user agent's first word. */
  readonly fieldManager: string;
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  /** Server-side apply only. */
  readonly force: boolean;
}

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions: Preconditions;
  /** Asked for the removal of an object that cannot be read. */
  readonly ignoreReadError?: boolean;
}

export interface WriteResult {
  readonly item: Item;
  /** 201 instead of 200. */
  readonly created: boolean;
}

/**
 * A decoded body: `object` for storage, `text` for validation that needs duplicates and exact
 * fields.
 */
export interface WriteBody {
  readonly object: KubeObject;
  /** What the decoder noticed: duplicate fields as kube-apiserver words them. */
  readonly problems: readonly string[];
}

export interface Backend {
  /**
   * A subresource that is no object of its own (status) is read as the object. With a
   * resourceVersion: as of then or later.
   */
  get(
    context: RequestContext,
    ref: ObjectRef,
    options?: { readonly resourceVersion: string },
  ): Promise<Item>;
  list(context: RequestContext, request: ListRequest): Promise<ListResult>;
  watch(context: RequestContext, request: WatchRequest): Promise<WatchStream>;
  /**
   * Also POST to a subresource (`ref.subresource`: token, eviction, binding); `ref.name` is '' on a
   * collection.
   */
  create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult>;
  update(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult>;
  /** `body` is the raw patch (JSON, or YAML for apply), already known to be of this media type. */
  patch(
    context: RequestContext,
    ref: ObjectRef,
    patch: { type: PatchType; body: Buffer },
    options: WriteOptions,
  ): Promise<WriteResult>;
  /** The object as it was (or as it now waits for its finalizers), and whether it is gone. */
  delete(
    context: RequestContext,
    ref: ObjectRef,
    options: DeleteOptions,
  ): Promise<{ item: Item; gone: boolean }>;
  deleteCollection(
    context: RequestContext,
    request: ListRequest,
    options: DeleteOptions,
  ): Promise<ListResult>;
  /** Streams: logs, exec, attach, port-forward, proxy. */
  connect?(
    context: RequestContext,
    ref: ObjectRef,
    request: ConnectRequest,
  ): Promise<ConnectResponse>;
}

export interface ConnectRequest {
  readonly method: string;
  /** What follows the subresource in the path, with the query string. */
  readonly rest: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Buffer>;
}

export type ConnectResponse =
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: AsyncIterable<Buffer>;
    }
  | {
      readonly upgraded: Duplex;
      readonly status: 101;
      readonly headers: Readonly<Record<string, string>>;
    };
