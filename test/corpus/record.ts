/** Records every verb of kubectl against a real kube-apiserver: `npm run corpus`. */
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as secure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFleet } from '../../testbed/fleet.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import type { Member } from '../../testbed/member.ts';
import { type Scene, scenes } from './commands.ts';
import { bodyOf, type Exchange, isDiscovery, isWatch, Names, type Recorded } from './exchange.ts';

const folder = fileURLToPath(new URL('../golden/kubectl/', import.meta.url));

/** Passes requests on to a member and keeps them with their answers. */
class Recorder {
  exchanges: Exchange[] = [];
  readonly #member: Member;
  readonly server = createServer((from, to) => this.#pass(from, to));

  constructor(member: Member) {
    this.#member = member;
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const sent = await collected(from);
    const { authorization: _, host: __, 'accept-encoding': ___, ...headers } = from.headers;
    const on = secure(`${this.#member.directServer}${from.url}`, {
      method: from.method!,
      ca: this.#member.ca,
      headers: { ...headers, authorization: `Bearer ${this.#member.adminToken}` },
    });
    on.on('error', () => to.destroy());
    from.on('close', () => on.destroy());
    on.on('response', async (answer) => {
      to.writeHead(answer.statusCode!, answer.headers);
      const path = from.url!;
      if (isWatch(path)) {
        this.#keep(from, sent, answer);
        answer.pipe(to);
        return;
      }
      const got = await collected(answer);
      this.#keep(from, sent, answer, got);
      to.end(got);
    });
    on.end(sent);
  }

  #keep(from: IncomingMessage, sent: Buffer, answer: IncomingMessage, got?: Buffer): void {
    const path = from.url!;
    if (isDiscovery(path)) return;
    const { accept, 'content-type': contentType } = from.headers;
    const body = bodyOf(sent);
    const answerType = answer.headers['content-type'] ?? '';
    const object = /^application\/(json|vnd.kubernetes.protobuf)/.test(answerType);
    const told = got !== undefined && object ? bodyOf(got) : undefined;
    this.exchanges.push({
      ...{ method: from.method!, path },
      ...(accept !== undefined && { accept }),
      ...(contentType !== undefined && { contentType }),
      ...(body !== undefined && { body }),
      ...{ status: answer.statusCode!, answerType },
      ...(told !== undefined && { answer: told }),
    });
  }
}

async function collected(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function record(
  scene: Scene,
  recorder: Recorder,
  files: { kubeconfig: string; cache: string },
) {
  const namespace = `k-${scene.verb}`;
  const names = new Names();
  const recorded: Recorded[] = [];
  for (const each of [`create namespace ${namespace}`, ...scene.commands]) {
    const [line, input] = typeof each === 'string' ? [each] : each;
    recorder.exchanges = [];
    const command = line.replaceAll('NS', namespace);
    const { code } = await runKubectl({
      kubeconfig: files.kubeconfig,
      cacheFolder: files.cache,
      args: ['-n', namespace, ...command.split(' ')],
      ...(input !== undefined && { input: input.replaceAll('NS', namespace) }),
      env: { KUBE_EDITOR: 'sed -i s/nginx:1/nginx:7/' },
      timeoutMs: 8000,
    });
    const exchanges = recorder.exchanges.map((exchange): Exchange => {
      const path = names.text(exchange.path);
      return { ...(names.of(exchange as never) as unknown as Exchange), path };
    });
    recorded.push({ command, exit: code, exchanges });
  }
  await writeFile(join(folder, `${scene.verb}.json`), `${JSON.stringify(recorded, null, 1)}\n`);
}

await using fleet = await startFleet({ members: [{ name: 'oracle', full: false }] });
const recorder = new Recorder(fleet.members[0]!);
recorder.server.listen(0, '127.0.0.1');
await once(recorder.server, 'listening');
const { port } = recorder.server.address() as AddressInfo;
const kubeconfig = join(fleet.folder, 'recorder.kubeconfig');
await writeFile(
  kubeconfig,
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'r' },
    clusters: [{ name: 'r', cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [{ name: 'r', context: { cluster: 'r', user: 'r' } }],
    users: [{ name: 'r', user: {} }],
  }),
);
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const scene of scenes)
  await record(scene, recorder, { kubeconfig, cache: join(fleet.folder, 'cache') });
recorder.server.closeAllConnections();
recorder.server.close();
