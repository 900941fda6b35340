/**
 * Answers in Kubernetes' protobuf: lists and watch events joined from the messages of their items,
 * each made once while it is fresh.
 */
import type { JsonObject } from '../kube/object.ts';
import {
  encodeProtobufMessage,
  fieldHead,
  type ProtobufKind,
  sealProtobuf,
} from '../kube/protobuf.ts';
import type { Item } from './backend.ts';
import type { FrameCache } from './frame-cache.ts';

/** Fields of a newer member's object that the table lacks are left out, as an older server does. */
const dropping = { unknown: 'drop' } as const;

/** PartialObjectMetadata of this version of meta.k8s.io; undefined: the object itself. */
export type Part = 'v1' | 'v1beta1' | undefined;

const metaV1 = 'meta.k8s.io/v1';

/** The message of an item, without its envelope. */
function messageOf(item: Item, part: Part, frames: FrameCache): Buffer {
  const key = part === undefined ? 'message' : 'message of metadata';
  const known = frames.find(item, key);
  if (known !== undefined) return known;
  const object = item.object();
  const message =
    part === undefined
      ? encodeProtobufMessage(object, object as unknown as JsonObject, dropping)
      : encodeProtobufMessage(
          { apiVersion: metaV1, kind: 'PartialObjectMetadata' },
          { metadata: object.metadata as unknown as JsonObject },
          dropping,
        );
  frames.keep(item, key, message);
  return message;
}

function partKind(part: 'v1' | 'v1beta1', kind: string): ProtobufKind {
  return { apiVersion: `meta.k8s.io/${part}`, kind };
}

export function protobufItem(item: Item, part: Part, frames: FrameCache): Buffer[] {
  const kind = part === undefined ? item.object() : partKind(part, 'PartialObjectMetadata');
  return sealProtobuf(kind, [messageOf(item, part, frames)]);
}

export interface ProtobufList {
  readonly items: readonly Item[];
  readonly metadata: JsonObject;
  /** Of the list; looked at when `part` is undefined. */
  readonly kind: ProtobufKind;
}

export function protobufList(
  { items, metadata, kind }: ProtobufList,
  part: Part,
  frames: FrameCache,
): Buffer[] {
  const listKind = part === undefined ? kind : partKind(part, 'PartialObjectMetadataList');
  const meta = encodeProtobufMessage(
    { apiVersion: metaV1, kind: 'PartialObjectMetadataList' },
    { metadata },
    dropping,
  );
  const parts: Buffer[] = [];
  for (const item of items) {
    const message = messageOf(item, part, frames);
    parts.push(fieldHead(part === 'v1beta1' ? 1 : 2, message.length), message);
  }
  if (part !== 'v1beta1') return sealProtobuf(listKind, [meta, ...parts]);
  // This version alone counts its items before its metadata.
  const renumbered = Buffer.from(meta);
  renumbered[0] = 2 * 8 + 2;
  return sealProtobuf(listKind, [...parts, renumbered]);
}

export function protobufObject(object: { apiVersion: string; kind: string }): Buffer[] {
  const message = encodeProtobufMessage(object, object as unknown as JsonObject, dropping);
  return sealProtobuf(object, [message]);
}

/** A WatchEvent after its length in four bytes; `sealed` is the object with its envelope. */
export function protobufEvent(type: string, sealed: readonly Buffer[]): Buffer {
  let size = 0;
  for (const part of sealed) size += part.length;
  const name = Buffer.from(type, 'latin1');
  const raw = fieldHead(1, size);
  const object = fieldHead(2, raw.length + size);
  const head = [fieldHead(1, name.length), name, object, raw];
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(head.reduce((sum, part) => sum + part.length, size));
  return Buffer.concat([length, ...head, ...sealed]);
}
