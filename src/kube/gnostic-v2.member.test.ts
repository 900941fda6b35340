import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent, request } from 'undici';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { GnosticWriter } from './gnostic-v2.ts';
import { type JsonObject, objectAt } from './object.ts';
import { WireReader } from './protobuf-wire.ts';

const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** Messages that hold others, by the numbers that lead to them; all else is compared as bytes. */
interface Shape {
  readonly [field: number]: Shape;
}

const any: Shape = {};
const named = (value: Shape): Shape => ({ 2: value });
const schema: Record<number, Shape> = { 5: any, 20: any, 30: any, 31: named(any) };
schema[21] = { 1: schema };
schema[23] = { 1: schema };
schema[24] = schema;
schema[25] = { 1: named(schema) };
const typed: Shape = { 9: any, 10: any, 20: any, 21: any, 22: named(any), 23: named(any) };
const parameter: Shape = { 1: { 1: { 5: schema }, 2: { 1: typed, 3: typed, 4: typed } }, 2: {} };
const response: Shape = { 1: { 2: { 1: schema } } };
const operation: Shape = { 8: parameter, 9: { 1: named(response) }, 13: named(any) };
const pathItem: Record<number, Shape> = { 9: parameter, 10: named(any) };
for (const method of [2, 3, 4, 5, 6, 7, 8]) pathItem[method] = operation;
const document: Shape = {
  8: { 2: named(pathItem) },
  9: { 1: named(schema) },
  10: { 1: named(parameter[1]!) },
};

/** By field number; values that have no type of their own are left out: their YAML may differ. */
function decoded(bytes: Buffer, shape: Shape): Record<number, unknown[]> {
  const fields: Record<number, unknown[]> = {};
  const reader = new WireReader(bytes);
  while (reader.at < bytes.length) {
    const tag = reader.tag(bytes.length);
    const [field, wire] = [tag >>> 3, tag & 7];
    const start = reader.at;
    let value: unknown;
    if (wire === 2) {
      const end = reader.delimited(bytes.length);
      const inner = bytes.subarray(reader.at, end);
      const of = shape[field];
      value = of === undefined ? inner.toString('utf8') : of === any ? 'any' : decoded(inner, of);
      reader.at = end;
    } else if (wire === 1) {
      value = bytes.readDoubleLE(start);
      reader.at += 8;
    } else value = reader.varint(bytes.length);
    fields[field] = [...(fields[field] ?? []), value];
  }
  return fields;
}

test('definitions, paths and parameters are encoded as a real kube-apiserver encodes them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  const fleet = await startFleet({ members: [{ name: 'real', full: false }] });
  t.after(() => fleet.stop());
  const { client } = fleet.member('real');
  const json = (await client.must({ path: '/openapi/v2' })) as JsonObject;
  const real = decoded(await realBytes(fleet.member('real')), document);
  let compared = 0;
  const compare = (
    field: number,
    inner: number,
    write: (writer: GnosticWriter, name: string) => void,
  ): void => {
    for (const one of (real[field]![0] as Record<number, unknown[]>)[inner]!) {
      const name = String((one as Record<number, unknown[]>)[1]![0]);
      const writer = new GnosticWriter();
      write(writer, name);
      assert.deepEqual(decoded(writer.finish(), document)[field], [{ [inner]: [one] }], name);
      compared++;
    }
  };
  compare(9, 1, (to, name) => to.definition(name, objectAt(json, 'definitions', name)!));
  compare(8, 2, (to, name) => to.path(name, objectAt(json, 'paths', name)!));
  compare(10, 1, (to, name) => to.parameter(name, objectAt(json, 'parameters', name)!));
  assert.ok(compared > 1000, `${compared} compared`);
});

async function realBytes(member: {
  readonly directServer: string;
  readonly ca: string | Buffer;
  readonly adminToken: string;
}): Promise<Buffer> {
  const dispatcher = new Agent({ connect: { ca: member.ca }, allowH2: false });
  const headers = { authorization: `Bearer ${member.adminToken}`, accept };
  const { body } = await request(`${member.directServer}/openapi/v2`, { dispatcher, headers });
  const bytes = Buffer.from(await body.arrayBuffer());
  await dispatcher.destroy();
  return bytes;
}
