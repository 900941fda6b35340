/** The audit log beside that of a real kube-apiserver with the same policy. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { membersAvailable } from '../../testbed/binaries.ts';
import { type Fleet, startFleet } from '../../testbed/fleet.ts';
import { runKubectl } from '../../testbed/kubectl.ts';
import type { Member } from '../../testbed/member.ts';
import { temporaryFolder } from '../../testbed/processes.ts';
import { waitUntil } from '../../testbed/waiting.ts';
import { ServedFederation } from './serving.ts';

const required = process.env['REQUIRE_MEMBERS'] === '1';
const skip = !required && !membersAvailable('bare') && 'no testbed';

const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: [system:apiserver]
- level: None
  nonResourceURLs: ["/readyz*", "/livez*", "/api*", "/openapi*", /version]
- level: RequestResponse
  namespaces: [default]
  resources: [{group: "", resources: [configmaps]}, {group: apps, resources: [deployments]}]
- level: Request
  namespaces: [default]
  resources: [{group: "", resources: [secrets, serviceaccounts/token]}]
- level: Metadata
  nonResourceURLs: ["/*"]
- level: Metadata
  namespaces: [default]
  resources: [{group: "", resources: [serviceaccounts]}]
`;

interface Event {
  readonly auditID: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string };
  readonly responseStatus: { readonly code?: number };
  readonly objectRef?: { readonly name?: string; readonly resource?: string };
  readonly requestObject?: { readonly data?: Record<string, string> };
  readonly annotations?: Record<string, string>;
}

async function eventsIn(file: string): Promise<Event[]> {
  const text = await readFile(file, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
}

describe('the audit log', { skip }, () => {
  let folder: string;
  let fleet: Fleet;
  let federation: ServedFederation;
  const ours = () => join(folder, 'ours.log');
  const theirs = () => join(folder, 'theirs.log');
  const membersOwn = () => join(folder, 'member.log');

  before(async () => {
    folder = await temporaryFolder('ubernetes-audit');
    const policyFile = join(folder, 'policy.yaml');
    await writeFile(policyFile, policy);
    const flags = (path: string) => [
      `--audit-policy-file=${policyFile}`,
      `--audit-log-path=${path}`,
    ];
    [fleet, federation] = await Promise.all([
      startFleet({
        members: [
          { name: 'beside', full: false, apiserverFlags: flags(theirs()) },
          { name: 'eu-west', full: false, apiserverFlags: flags(membersOwn()) },
        ],
      }),
      ServedFederation.start({ args: flags(ours()) }),
    ]);
  });

  after(async () => {
    await federation?.stop();
    await fleet?.stop();
    await rm(federation.folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  test('says what a real one says, event by event', async () => {
    const commands: [string, string?][] = [
      ['create configmap a --from-literal=k=v'],
      ['get configmap a'],
      ['get configmaps -l tier=web'],
      ['label configmap a tier=web'],
      ['create -f -', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n'],
      [
        'apply --server-side -f -',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: z}\n',
      ],
      ['get configmap nothing'],
      ['delete configmap a --wait=false'],
      ['get serviceaccounts robot --as=bob'],
      ['get serviceaccounts robot --as=ada --as-group=system:masters'],
      ['get --raw /metrics'],
      ['create serviceaccount robot'],
      ['create token robot --duration=3600s'],
      ['create secret generic s --from-literal=password=hunter22'],
    ];
    const member = fleet.member('beside');
    for (const [command, input] of commands)
      for (const kubeconfig of [federation.kubeconfig, member.kubeconfig])
        await runKubectl({
          kubeconfig,
          args: command.split(' '),
          cacheFolder: join(folder, 'cache'),
          ...(input === undefined ? {} : { input }),
        });
    const last = (event: Event): boolean => event.objectRef?.resource === 'secrets';
    for (const file of [ours(), theirs()])
      await waitUntil({
        what: `the last event in ${file}`,
        check: async () => (await eventsIn(file)).some(last),
      });
    const [mine, real] = await Promise.all([ours(), theirs()].map(eventsIn));
    const shown = (events: Event[]) => events.filter(byUsers).map(comparable);
    assert.deepEqual(shown(mine!), shown(real!));
    assert.ok(mine!.length >= commands.length);
  });

  test('holds no value of a Secret and no token', async () => {
    const text = await readFile(ours(), 'utf8');
    for (const secret of ['hunter22', Buffer.from('hunter22').toString('base64')])
      assert.ok(!text.includes(secret));
    const secret = (await eventsIn(ours())).find(
      ({ objectRef }) => objectRef?.resource === 'secrets',
    );
    assert.match(secret?.requestObject?.data?.['password'] ?? '', /^hash:[0-9a-f]{12}$/);
    assert.ok(!/"token":"[^("]/.test(text));
  });

  test('ties the writes to a member to the request that caused them, in its own log too', async () => {
    const member: Member = fleet.member('eu-west');
    const joined = await federation.join(member);
    assert.equal(joined.code, 0, joined.output);
    await federation.kubectl('create', 'configmap', 'travels', '--from-literal=k=v');
    const there = async () => (await member.kubectl('get', 'configmap', 'travels')).code === 0;
    await waitUntil({ what: 'the copy', check: there });
    const about = (events: Event[]) =>
      events.filter((each) => each.verb === 'create' && each.objectRef?.name === 'travels');
    await waitUntil({
      what: 'the event of the copy',
      check: async () => about(await eventsIn(ours())).length === 2,
    });
    const events = about(await eventsIn(ours()));
    const cause = events.find(({ requestURI }) => !requestURI.startsWith('/clusters/'))!;
    const write = events.find(({ requestURI }) => requestURI.startsWith('/clusters/'))!;
    assert.equal(write.auditID, cause.auditID);
    assert.deepEqual(write.annotations, {
      'ubernetes.dev/cluster': 'eu-west',
      'ubernetes.dev/caused-by': cause.auditID,
    });
    assert.match(
      write.requestURI,
      /^\/clusters\/eu-west\/api\/v1\/namespaces\/default\/configmaps/,
    );
    const itsOwn = about(await eventsIn(membersOwn()));
    const copying = itsOwn.filter(({ requestURI }) => !requestURI.includes('dryRun'));
    assert.deepEqual(
      copying.map(({ auditID }) => auditID),
      [cause.auditID],
    );
  });
});

/** Requests that kubectl sent: each server has clients of its own. */
function byUsers(event: Event): boolean {
  return 'userAgent' in event && String(event.userAgent).startsWith('kubectl');
}

/** Without what each server gives out itself. */
function comparable(event: Event): unknown {
  const text = JSON.stringify(event)
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replace(/gen-[a-z0-9]{5}/g, 'gen-NAME')
    .replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"N"')
    // Columns of a Table tell how old an object is.
    .replace(/"\d+s"/g, '"AGE"');
  const { authenticationMetadata: _, ...rest } = JSON.parse(text);
  // The token of the one names a uid, the certificate of the other does not.
  delete rest.user.uid;
  if (rest.objectRef?.resource === 'secrets') delete rest.requestObject;
  return rest;
}
