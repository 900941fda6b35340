/**
 * Records what a real kube-apiserver says about its types: for the sandbox's members, and the few
 * that we ship ourselves.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { Agent, request } from 'undici';
import { startFleet } from '../../testbed/fleet.ts';
import { type RecordedTypes, subsetOf } from './subset.ts';

const sandboxFolder = new URL('../../src/sandbox/data/', import.meta.url);
const apiserverFolder = new URL('../../src/apiserver/data/', import.meta.url);
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface Server {
  get(path: string, accept?: string): Promise<Buffer>;
}

async function record(server: Server): Promise<RecordedTypes> {
  const groups: unknown[] = [];
  for (const path of ['/api', '/apis']) {
    const document = JSON.parse((await server.get(path, aggregated)).toString('utf8'));
    groups.push(...document.items);
  }
  const version = JSON.parse((await server.get('/version')).toString('utf8')).gitVersion;
  const root = JSON.parse((await server.get('/openapi/v3')).toString('utf8'));
  const openapiV3: RecordedTypes['openapiV3'] = {};
  for (const path of Object.keys(root.paths).sort()) {
    if (path !== 'api/v1' && !/^apis\/[^/]+\/[^/]+$/.test(path)) continue;
    const url: string = root.paths[path].serverRelativeURL;
    const hash = new URL(url, 'http://server').searchParams.get('hash') ?? '';
    openapiV3[path] = { hash, text: (await server.get(url)).toString('utf8') };
  }
  return { version, discovery: { items: groups as never }, openapiV3 };
}

async function write(folder: URL, file: string, bytes: Buffer): Promise<void> {
  const packed = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  await writeFile(new URL(file, folder), packed);
  const path = fileURLToPath(new URL(file, folder));
  console.log(`${path}: ${bytes.length} bytes, ${packed.length} stored`);
}

async function main(): Promise<void> {
  await using fleet = await startFleet({ members: [{ name: 'recorded', full: false }] });
  const member = fleet.members[0]!;
  const agent = new Agent({ connect: { ca: member.ca } });
  const server: Server = {
    async get(path, accept = 'application/json') {
      const response = await request(`${member.directServer}${path}`, {
        dispatcher: agent,
        headers: { authorization: `Bearer ${member.adminToken}`, accept },
      });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${bytes}`);
      return bytes;
    },
  };
  const types = await record(server);
  await write(sandboxFolder, 'types.json.br', Buffer.from(JSON.stringify(types)));
  await write(apiserverFolder, 'base-types.json.br', Buffer.from(JSON.stringify(subsetOf(types))));
  await agent.close();
}

if (import.meta.main) await main();
