import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { deepEqual, parseJson } from './json.ts';
import type { JsonObject } from './object.ts';
import {
  decodeProtobuf,
  encodeProtobuf,
  hasProtobuf,
  protobufKinds,
  protobufMediaType,
} from './protobuf.ts';
import { isApiError } from './status.ts';

interface Golden {
  readonly protobuf: string;
  readonly json: JsonObject;
  readonly again?: string;
}

const file = new URL('../../scripts/record/protobuf/golden.json.gz', import.meta.url);
const { bodies } = parseJson(gunzipSync(readFileSync(file))).value as unknown as {
  readonly bodies: readonly Golden[];
};

/** What kubectl 1.37.2 sent; see scripts/record/protobuf/kubectl.ts. */
const requests = JSON.parse(
  readFileSync(new URL('../../scripts/record/protobuf/kubectl.json', import.meta.url), 'utf8'),
) as readonly {
  readonly command: string;
  readonly contentType: string;
  readonly body: string;
  readonly json: JsonObject;
}[];

function bodyOf(kind: string, apiVersion: string): Buffer {
  const found = bodies.findLast(({ json }) => json.kind === kind && json.apiVersion === apiVersion);
  assert.ok(found, `${apiVersion} ${kind} is recorded`);
  return Buffer.from(found.protobuf, 'base64');
}

/** A body of one v1 ConfigMap message. */
function envelope(raw: number[], kind = 'ConfigMap', apiVersion = 'v1'): Buffer {
  const meta = [...field(1, [...Buffer.from(apiVersion)]), ...field(2, [...Buffer.from(kind)])];
  return Buffer.from([0x6b, 0x38, 0x73, 0, ...field(1, meta), ...field(2, raw)]);
}

function field(number: number, bytes: number[]): number[] {
  return [number * 8 + 2, bytes.length, ...bytes];
}

function refusal(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    if (isApiError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return assert.fail('it was accepted');
}

describe('protobuf bodies', () => {
  it('are decoded to the JSON that Go writes of them, for every kind', () => {
    assert.ok(bodies.length > 600);
    for (const { protobuf, json } of bodies) {
      const decoded = decodeProtobuf(Buffer.from(protobuf, 'base64'));
      if (!deepEqual(decoded, json)) assert.deepEqual(decoded, json);
    }
  });

  it('are encoded to the very bytes that Go writes, for every kind', () => {
    for (const { protobuf, json, again } of bodies) {
      const encoded = encodeProtobuf(json);
      assert.equal(
        encoded.toString('base64'),
        again ?? protobuf,
        `${String(json.apiVersion)} ${String(json.kind)}`,
      );
    }
  });

  it('of every `kubectl create` are the object that its dry run prints as JSON', () => {
    assert.ok(requests.length > 20);
    for (const { command, body, contentType, json } of requests) {
      assert.equal(contentType, protobufMediaType);
      const bytes = Buffer.from(body, 'base64');
      const decoded = decodeProtobuf(bytes);
      if (!deepEqual(decoded, json)) assert.deepEqual(decoded, json, command);
      assert.equal(encodeProtobuf(decoded).toString('base64'), body, command);
    }
  });

  it('name their kinds, custom ones excluded', () => {
    assert.ok(protobufKinds().get('apps/v1')?.has('Deployment'));
    assert.ok(hasProtobuf('apiextensions.k8s.io/v1', 'CustomResourceDefinition'));
    assert.ok(hasProtobuf('example.com/v1', 'DeleteOptions'));
    assert.ok(!hasProtobuf('example.com/v1', 'Widget'));
    assert.ok(!hasProtobuf('meta.k8s.io/v1', 'Table'));
  });

  it('take the kind of the request when the envelope names none', () => {
    const named = envelope(field(2, [...field(1, [0x61]), ...field(2, [0x62])]), '', '');
    const decoded = decodeProtobuf(named, { default: { apiVersion: 'v1', kind: 'ConfigMap' } });
    assert.equal(decoded.kind, 'ConfigMap');
    assert.deepEqual(decoded.data, { a: 'b' });
  });

  it('keep an entry called __proto__ as an ordinary one', () => {
    const entry = [...field(1, [...Buffer.from('__proto__')]), ...field(2, [0x62])];
    const decoded = decodeProtobuf(envelope(field(2, entry)));
    assert.deepEqual(Object.entries(decoded.data as JsonObject), [['__proto__', 'b']]);
    const again = decodeProtobuf(encodeProtobuf(decoded));
    assert.deepEqual(Object.keys(again.data as JsonObject), ['__proto__']);
  });

  it('are refused as 415 when a newer client sends a field or kind unknown here', () => {
    const unknown = refusal(() => decodeProtobuf(envelope(field(15, [1]))));
    assert.equal(unknown.code, 415);
    assert.match(unknown.message, /core\/v1\.ConfigMap has no field 15/);
    const kind = refusal(() => decodeProtobuf(envelope([], 'Widget', 'example.com/v1')));
    assert.equal(kind.code, 415);
    assert.match(kind.message, /kind "Widget" in version "example.com\/v1"/);
  });

  it('are refused as 400 when they are cut short, of another format or of a wrong wire type', () => {
    const whole = bodyOf('Deployment', 'apps/v1');
    for (const bytes of [
      Buffer.alloc(0),
      whole.subarray(0, 4),
      whole.subarray(0, whole.length - 30),
      Buffer.from('{"kind":"Deployment"}'),
      envelope([2 * 8, 1]),
      envelope([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ])
      assert.equal(refusal(() => decodeProtobuf(bytes)).code, 400);
    const json = refusal(() =>
      decodeProtobuf(Buffer.from('{"kind":"Deployment"}'), {
        default: { apiVersion: 'apps/v1', kind: 'Deployment' },
      }),
    );
    assert.match(
      json.message,
      /^the object provided is unrecognized \(must be of type Deployment\)/,
    );
    assert.equal(refusal(() => decodeProtobuf(whole, { maxBytes: 100 })).code, 413);
  });

  it('never fail otherwise than by an API error, whatever byte is changed', () => {
    const whole = bodyOf('Pod', 'v1');
    for (let at = 0; at < whole.length; at += 3) {
      for (const change of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at] = damaged[at]! ^ change;
        try {
          decodeProtobuf(damaged);
        } catch (error) {
          assert.ok(isApiError(error), `byte ${at}: ${String(error)}`);
        }
      }
    }
  });

  it('refuse to carry what would be lost, unless it is to be dropped', () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, spec: { a: 1 } };
    assert.equal(refusal(() => encodeProtobuf(object)).code, 406);
    assert.equal(decodeProtobuf(encodeProtobuf(object, { unknown: 'drop' })).spec, undefined);
    const wrong = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 'many' } };
    assert.match(refusal(() => encodeProtobuf(wrong)).message, /spec.replicas must be an integer/);
  });
});
