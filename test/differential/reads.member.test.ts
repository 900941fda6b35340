import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../../src/kube/json.ts';
import { isObject, type Json, type JsonObject } from '../../src/kube/object.ts';
import { decodeProtobuf, encodeProtobuf } from '../../src/kube/protobuf.ts';
import { parseYaml } from '../../src/kube/yaml.ts';
import { requireMembers } from '../../testbed/binaries.ts';
import { startFleet } from '../../testbed/fleet.ts';
import { firstDifference, type Pair } from './compare.ts';
import { type Answer, type Endpoint, oracleOf, ourEndpoint } from './endpoint.ts';
import { kinds } from './kinds.ts';
import { normalised } from './normalise.ts';
import { joined } from './operations.ts';

const json = 'application/json';
const yaml = 'application/yaml';
const protobuf = 'application/vnd.kubernetes.protobuf';
const maps = '/api/v1/namespaces/default/configmaps';
const watch = `${maps}?watch=1&timeoutSeconds=1`;

function as(kind: string, version = 'v1', media = json): string {
  return `${media};as=${kind};v=${version};g=meta.k8s.io`;
}

interface Case {
  readonly path: string;
  readonly accept: string;
}

/** `{rv}`: the list's version before the last object was made; `{late}`: one from the future. */
const paths: readonly string[] = [
  `${maps}/m-1`,
  `${maps}/none`,
  maps,
  `${maps}?limit=2`,
  `${maps}?limit=0`,
  `${maps}?limit=-1`,
  `${maps}?limit=2&labelSelector=parity%3Dodd`,
  `${maps}?labelSelector=parity%20in%20(odd,none)`,
  `${maps}?labelSelector=!parity`,
  `${maps}?labelSelector=parity%20in`,
  `${maps}?fieldSelector=metadata.name%3Dm-2`,
  `${maps}?fieldSelector=metadata.name!%3Dm-2,metadata.namespace%3Ddefault`,
  `${maps}?fieldSelector=data.a%3D1`,
  '/apis/apps/v1/namespaces/default/deployments?fieldSelector=spec.replicas%3D1',
  '/api/v1/pods?fieldSelector=spec.nodeName%3Dx,status.phase%3DRunning',
  '/api/v1/pods?fieldSelector=spec.hostname%3Dx',
  '/api/v1/events?fieldSelector=involvedObject.kind%3DPod,reason%3Dx,bogus%3Dy',
  `${maps}?resourceVersion=0`,
  `${maps}?resourceVersion=0&resourceVersionMatch=NotOlderThan`,
  `${maps}?resourceVersion={rv}&resourceVersionMatch=NotOlderThan`,
  `${maps}?resourceVersion={rv}&resourceVersionMatch=Exact`,
  `${maps}?resourceVersion={rv}&resourceVersionMatch=Exact&limit=2`,
  `${maps}?resourceVersion={late}`,
  `${maps}?resourceVersion=x`,
  `${maps}?resourceVersion=-1`,
  `${maps}?continue=x`,
  `${maps}?limit=1&continue={continue}`,
  `${maps}?limit=1&continue={continue}&resourceVersion={rv}`,
  `${maps}?limit=1&continue={continue}&resourceVersionMatch=Exact&resourceVersion={rv}`,
  `${maps}/m-1?resourceVersion=0`,
  `${maps}/m-1?resourceVersion={late}`,
  watch,
  `${watch}&resourceVersion=0`,
  `${watch}&resourceVersion={rv}`,
  `${watch}&resourceVersion=x`,
  `${watch}&resourceVersion=0&fieldSelector=metadata.name%3Dm-3`,
  `${watch}&resourceVersion=0&labelSelector=parity%3Dodd`,
  `${watch}&fieldSelector=data.a%3D1`,
  `${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  `${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
  `${watch}&sendInitialEvents=true&allowWatchBookmarks=true`,
  `${watch}&sendInitialEvents=true&resourceVersionMatch=Exact&allowWatchBookmarks=true`,
  `${watch}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={rv}`,
  `${watch}&resourceVersionMatch=NotOlderThan&resourceVersion={rv}`,
  `${maps}?sendInitialEvents=true`,
  `${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={rv}&allowWatchBookmarks=true`,
  `${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={late}&allowWatchBookmarks=true`.replace(
    'timeoutSeconds=1',
    'timeoutSeconds=5',
  ),
];

const forms: readonly string[] = [
  yaml,
  protobuf,
  as('Table'),
  as('Table', 'v1beta1'),
  as('Table', 'v1', yaml),
  as('Table', 'v1', protobuf),
  as('Table', 'v2'),
  as('PartialObjectMetadata'),
  as('PartialObjectMetadataList'),
  as('PartialObjectMetadata', 'v1beta1'),
  as('PartialObjectMetadataList', 'v1beta1'),
  as('PartialObjectMetadata', 'v1', protobuf),
  as('PartialObjectMetadataList', 'v1', protobuf),
  as('PartialObjectMetadata', 'v1beta1', protobuf),
  as('PartialObjectMetadataList', 'v1beta1', protobuf),
  `${as('Table', 'v1', protobuf)},${as('Table')},${json}`,
  `${protobuf};q=0.5,${yaml}`,
  'application/*',
  '*/*',
  'text/html',
  'application/cbor',
  `application/cbor,${json}`,
  `${json};stream=watch`,
  `${protobuf};stream=watch`,
  `${protobuf};type=watch`,
];

const cases: readonly Case[] = [
  ...paths.map((path) => ({ path, accept: json })),
  ...[`${maps}/m-1`, maps, `${watch}&resourceVersion=0`, `${maps}/none`].flatMap((path) =>
    forms
      // There such a watch stays silent for ever; here it has the events of PartialObjectMetadata.
      .filter((accept) => !path.includes('watch') || !accept.includes('MetadataList'))
      .map((accept) => ({ path, accept })),
  ),
];

interface Marks {
  readonly rv: string;
  readonly late: string;
  readonly continue: string;
}

async function fill(endpoint: Endpoint): Promise<Marks> {
  const create = async (collection: string, body: JsonObject): Promise<void> => {
    const text = JSON.stringify(body);
    const made = await endpoint.send({
      method: 'POST',
      path: collection,
      contentType: json,
      body: text,
    });
    assert.equal(made.status, 201, made.bytes.toString('utf8'));
  };
  for (const { collection, apiVersion, kind, base, pieces } of kinds) {
    const head: Json = { apiVersion, kind, metadata: { name: 'whole' } };
    const whole = [base, ...pieces].reduce<Json>(joined, head) as JsonObject;
    await create(collection, { ...whole, metadata: { name: 'whole', labels: { a: 'b' } } });
  }
  const map = (i: number): JsonObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `m-${i}`, labels: { parity: i % 2 === 0 ? 'even' : 'odd' } },
    data: { i: String(i), text: 'line\nyes\n', 'n.o': '0644', day: '2024-01-01', empty: '' },
  });
  for (let i = 1; i <= 4; i++) await create(maps, map(i));
  const list = await endpoint.send({ method: 'GET', path: `${maps}?limit=2` });
  const metadata = (list.body as JsonObject).metadata as Record<string, string>;
  await create(maps, map(5));
  const rv = metadata.resourceVersion!;
  return { rv, late: String(BigInt(rv) + 2n ** 40n), continue: metadata.continue! };
}

/** What protobuf and YAML hold, as JSON, so that it can be compared. */
function readable({ bytes, contentType, ...answer }: Answer): Answer {
  const whole = { ...answer, bytes, contentType };
  // The table of fields does not know this version; that it is answered is all that is compared.
  if (contentType.startsWith(protobuf) && bytes.includes('meta.k8s.io/v1beta1')) return whole;
  if (contentType === yaml) return { ...whole, body: parseYaml(bytes).value };
  if (contentType === protobuf) return { ...whole, body: decodeProtobuf(bytes) };
  if (!contentType.startsWith(protobuf)) return whole;
  const events: Json[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    const event = Buffer.concat([watchEvent, varint(size), bytes.subarray(at + 4, at + 4 + size)]);
    events.push(decodeProtobuf(event));
    at += 4 + size;
  }
  return { ...whole, body: events };
}

/** An envelope for a v1 WatchEvent, up to the length of the message. */
const watchEvent = Buffer.concat([
  Buffer.from('k8s\0\x0a\x10\x0a\x02v1\x12\x0aWatchEvent', 'latin1'),
  Buffer.from([0x12]),
]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** An answer without the versions, tokens and ages in it. */
function comparable(answer: Answer): Omit<Answer, 'bytes'> {
  const text = JSON.stringify(normalised(readable(answer)).body)
    .replace(/"continue":"[^"]*"/g, '"continue":"*"')
    .replace(/(resource version: )\d+/g, '$1*')
    .replace(/(current: )\d+/g, '$1*')
    // Ages in Tables.
    .replace(/"\d+[smh](?:\d+s)?"/g, '"*"');
  return { ...normalised(answer), body: parseJson(text).value };
}

async function send(endpoint: Endpoint, { path, accept }: Case, marks: Marks): Promise<Answer> {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: keyof Marks) => marks[name]);
  return endpoint.send({ method: 'GET', path: filled, accept });
}

async function served(run: (pair: Pair) => Promise<void>): Promise<void> {
  await using fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
  const [oracle, ours] = [oracleOf(fleet.members[0]!), await ourEndpoint()];
  try {
    await run({ oracle, ours });
  } finally {
    await ours.close();
    await oracle.close();
  }
}

test('reads, lists and watches in every form are those of a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await served(async ({ oracle, ours }) => {
    await oracle.send({ method: 'DELETE', path: `${maps}/kube-root-ca.crt` });
    const marks = [await fill(oracle), await fill(ours)] as const;
    const different: object[] = [];
    for (const one of cases) {
      const answers = await Promise.all([send(oracle, one, marks[0]), send(ours, one, marks[1])]);
      const found = firstDifference(comparable(answers[0]), comparable(answers[1]));
      if (found !== undefined) different.push({ ...one, ...found });
    }
    assert.deepEqual(different, []);
    await sameBytes(oracle, ours);
  });
});

/** What kube-apiserver writes in protobuf is what we make of its JSON, to the byte; and of ours. */
async function sameBytes(oracle: Endpoint, ours: Endpoint): Promise<void> {
  for (const { collection } of kinds)
    for (const endpoint of [oracle, ours]) {
      const path = `${collection}/whole`;
      const [plain, packed] = await Promise.all([
        endpoint.send({ method: 'GET', path }),
        endpoint.send({ method: 'GET', path, accept: protobuf }),
      ]);
      assert.ok(isObject(plain.body));
      assert.equal(packed.contentType, protobuf);
      const made = encodeProtobuf(plain.body);
      assert.equal(made.toString('hex'), packed.bytes.toString('hex'), path);
    }
}
