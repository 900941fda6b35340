/**
 * Records what kubectl really sends in protobuf: every `create` command once against a server that
 * only listens, and once as a client-side dry run that prints the same object in JSON.
 *
 *   node scripts/record/protobuf/kubectl.ts PATH-OF-KUBECTL > scripts/record/protobuf/kubectl.json
 */
import { execFile } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

const commands = [
  'create secret generic s --from-literal=a=b --from-literal=empty=',
  'create secret docker-registry s --docker-username=u --docker-password=p',
  'create configmap c --from-literal=a=b',
  'create namespace n',
  'create deployment d --image=nginx --replicas=3 --port=80',
  'create deployment none --image=nginx --replicas=0',
  'create serviceaccount sa',
  'create role r --verb=get,list --resource=pods,configmaps --resource-name=x',
  'create rolebinding rb --role=r --user=u --group=g --serviceaccount=default:sa',
  'create clusterrole cr --verb=get --non-resource-url=/healthz',
  'create clusterrole agg --aggregation-rule=a=b',
  'create clusterrolebinding crb --clusterrole=cr --group=system:masters',
  'create service clusterip svc --tcp=80:8080',
  'create service nodeport svc --tcp=80 --node-port=30080',
  'create service externalname svc --external-name=example.com',
  'create job j --image=busybox -- date',
  'create cronjob cj --image=busybox --schedule=@daily -- date',
  'create ingress i --rule=example.com/path*=svc:80,tls=cert',
  'create quota q --hard=cpu=1500m,memory=1.5Gi,pods=5 --scopes=BestEffort',
  'create priorityclass pc --value=1000 --description=high',
  'create poddisruptionbudget pdb --selector=app=web --min-available=50%',
  'create poddisruptionbudget pdb --selector=app=web --max-unavailable=1',
] as const;

interface Recorded {
  readonly command: string;
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  /** Base64. */
  readonly body: string;
  /** The object as `--dry-run=client -o json` prints it. */
  readonly json: unknown;
}

const run = promisify(execFile);

async function main(kubectl: string): Promise<void> {
  const seen: Omit<Recorded, 'command' | 'json'>[] = [];
  const server = createServer((request, response) => void answer(request, response, seen));
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const recorded: Recorded[] = [];
  for (const command of commands) {
    const words = command.split(' ');
    const separator = words.indexOf('--');
    const at = separator < 0 ? words.length : separator;
    const common = ['--kubeconfig=/dev/null', `--server=http://127.0.0.1:${port}`];
    const dryRun = words.toSpliced(at, 0, ...common, '--dry-run=client', '--output=json');
    const { stdout } = await run(kubectl, dryRun);
    seen.length = 0;
    // The server refuses everything, so the command fails once it has been heard.
    await run(kubectl, words.toSpliced(at, 0, ...common, '--validate=false')).catch(
      () => undefined,
    );
    const request = seen.find(({ method }) => method === 'POST');
    if (request === undefined) throw new Error(`${command} sent nothing`);
    recorded.push({ command, ...request, json: JSON.parse(stdout) });
  }
  server.close();
  process.stdout.write(`${JSON.stringify(recorded, undefined, 1)}\n`);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  seen: Omit<Recorded, 'command' | 'json'>[],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  seen.push({
    method: request.method ?? '',
    path: request.url ?? '',
    contentType: request.headers['content-type'] ?? '',
    body: Buffer.concat(chunks).toString('base64'),
  });
  const known = request.method === 'GET' ? discovery[request.url?.split('?')[0] ?? ''] : undefined;
  const refusal = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: 403,
    reason: 'Forbidden',
  };
  response.writeHead(known === undefined ? 403 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(known ?? refusal));
}

const verbs = ['get', 'list', 'create'];

/** As much of a server as `create role --resource=pods,configmaps` asks for. */
const discovery: Readonly<Record<string, unknown>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs },
      { name: 'configmaps', singularName: 'configmap', namespaced: true, kind: 'ConfigMap', verbs },
    ],
  },
};

if (import.meta.main) {
  const [kubectl] = process.argv.slice(2);
  if (kubectl === undefined) throw new Error('say where kubectl is');
  await main(kubectl);
}
