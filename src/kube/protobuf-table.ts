/**
 * The field table of Kubernetes' protobuf messages, recorded from the Go types by
 * scripts/record/protobuf.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** s string, b boolean, i signed integer, d double, y bytes. */
export type ScalarType = 's' | 'b' | 'i' | 'd' | 'y';

/** A Go type with a JSON form of its own. */
export type SpecialType =
  | 'Time'
  | 'MicroTime'
  | 'Quantity'
  | 'IntOrString'
  | 'Raw'
  | 'Strings'
  | 'SchemaOrBool'
  | 'SchemaOrArray'
  | 'SchemaOrStrings';

export interface MessageField {
  readonly number: number;
  /** Name in JSON; '' for an inline field. */
  readonly name: string;
  readonly type: ScalarType | MessageType;
  /**
   * A Go pointer: absent and zero are two things. All others are always on the wire, zero or not.
   */
  readonly pointer: boolean;
  /** Go leaves the zero value out of JSON. */
  readonly omitEmpty: boolean;
  /** As omitEmpty, for a struct that says itself when it is zero (Time). */
  readonly omitZero: boolean;
  readonly repeated: boolean;
  /** A map from strings. */
  readonly map: boolean;
  /** The message's fields stand among its parent's in JSON. */
  readonly inline: boolean;
  /** Place in the message's `fields`. */
  readonly slot: number;
}

export interface MessageType {
  /** Go package and type. */
  readonly name: string;
  readonly special: SpecialType | undefined;
  /** In the order of the Go struct. */
  readonly fields: readonly MessageField[];
  /** By field number; holes are unknown fields. */
  readonly byNumber: readonly (MessageField | undefined)[];
  /** In ascending order of field number: the order of the wire. */
  readonly onWire: readonly MessageField[];
}

interface RecordedTable {
  readonly header: { readonly command: string; readonly modules: Readonly<Record<string, string>> };
  readonly messages: readonly {
    readonly name: string;
    readonly special?: SpecialType;
    readonly fields?: readonly [number, string, ScalarType | number, number][];
  }[];
  readonly kinds: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface ProtobufTable {
  /** apiVersion → kind → message. */
  readonly kinds: ReadonlyMap<string, ReadonlyMap<string, MessageType>>;
}

const path = new URL('./data/protobuf-fields.json.gz', import.meta.url);
let loaded: ProtobufTable | undefined;

/** The table, read and linked at its first use (some 10 ms). */
export function protobufTable(): ProtobufTable {
  loaded ??= link(JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as RecordedTable);
  return loaded;
}

type Building<T> = { -readonly [K in keyof T]: T[K] };

function link(recorded: RecordedTable): ProtobufTable {
  const messages = recorded.messages.map(
    ({ name, special }): Building<MessageType> => ({
      name,
      special,
      fields: [],
      byNumber: [],
      onWire: [],
    }),
  );
  recorded.messages.forEach(({ fields = [] }, place) => {
    const message = messages[place]!;
    message.fields = fields.map(([number, name, type, bits], slot) => ({
      number,
      name,
      type: typeof type === 'number' ? messages[type]! : type,
      pointer: (bits & 1) !== 0,
      omitEmpty: (bits & 2) !== 0,
      omitZero: (bits & 4) !== 0,
      repeated: (bits & 8) !== 0,
      map: (bits & 16) !== 0,
      inline: (bits & 32) !== 0,
      slot,
    }));
    message.onWire = message.fields.toSorted((a, b) => a.number - b.number);
    const byNumber: (MessageField | undefined)[] = [];
    for (const field of message.onWire) {
      while (byNumber.length < field.number) byNumber.push(undefined);
      byNumber.push(field);
    }
    message.byNumber = byNumber;
  });
  const kinds = new Map<string, ReadonlyMap<string, MessageType>>();
  for (const [apiVersion, places] of Object.entries(recorded.kinds)) {
    const entries = Object.entries(places).map(
      ([kind, place]) => [kind, messages[place]!] as const,
    );
    kinds.set(apiVersion, new Map(entries));
  }
  return { kinds };
}
