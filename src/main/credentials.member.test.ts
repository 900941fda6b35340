import 'reflect-metadata';
import { test } from 'node:test';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { requireMembers } from '../../testbed/binaries.ts';
import { createAuthority, generateKeys, pemOf } from '../apiserver/auth/certificates.ts';
import type { KubeObject } from '../kube/object.ts';
import { valueAt } from '../kube/object.ts';
import { OwnAndReal, ownFederation, type Sent, type Step } from './own-and-real.fixture.ts';

const core = '/api/v1/namespaces/default';
const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const reviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

function create(path: string, body: object, more: Partial<Sent> = {}): Sent {
  return { method: 'POST', path, body, ...more };
}

function patch(path: string, body: object, more: Partial<Sent> = {}): Sent {
  return { method: 'PATCH', path, body, ...more };
}

test('tokens and requests for certificates as a real kube-apiserver handles them', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  await tokenRequests(both);
  await tokenReviews(both);
  await secrets(both);
  await signingRequests(both);
  both.settle();
});

async function tokenRequests(both: OwnAndReal): Promise<void> {
  const token = `${core}/serviceaccounts/robot/token`;
  const bound = (apiVersion: string, kind: string, more: object = {}): Sent =>
    create(token, { spec: { boundObjectRef: { apiVersion, kind, name: 'bound', ...more } } });
  await both.same(
    'token requests',
    create(`${core}/serviceaccounts`, { metadata: { name: 'robot' } }),
    create(`${core}/secrets`, { metadata: { name: 'bound' } }),
    create(token, {}),
    create(token, { spec: { audiences: ['a', 'b'], expirationSeconds: 700 } }),
    create(token, { spec: { expirationSeconds: 10 } }),
    create(token, { spec: { expirationSeconds: 5_000_000_000 } }),
    create(token, { metadata: { name: 'other' } }),
    create(token, { metadata: { namespace: 'other' } }),
    create(token, { metadata: { uid: 'x' } }),
    bound('v1', 'Secret'),
    bound('v1', 'Secret', { uid: 'x' }),
    bound('v1', 'Pod'),
    bound('v1', 'Node'),
    bound('v1', 'ConfigMap'),
    bound('apps/v1', 'Deployment'),
    create(`${core}/serviceaccounts/nobody/token`, {}),
  );
}

const tokenIn = (body: KubeObject): string => String(valueAt(body, 'status', 'token'));

async function tokenReviews(both: OwnAndReal): Promise<void> {
  const path = `${core}/serviceaccounts/robot/token`;
  const review =
    (step: number, spec: object = {}): Step =>
    (before) =>
      create(reviews, { spec: { token: tokenIn(before[step]!.body), ...spec } });
  await both.withoutExtra(
    'token reviews',
    create(path, {}),
    create(path, { spec: { audiences: ['a', 'b'] } }),
    create(path, { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'bound' } } }),
    review(0),
    review(0, { audiences: ['a'] }),
    review(1),
    review(1, { audiences: ['b', 'c'] }),
    review(2),
    create(reviews, { spec: { token: 'a.b.c' } }),
  );
}

async function secrets(both: OwnAndReal): Promise<void> {
  const path = `${core}/secrets`;
  const secret = (type: string, data: object = {}, annotations: object = {}): Sent =>
    create(path, { metadata: { name: 's', annotations }, type, data });
  const kinds = 'kubernetes.io/';
  await both.same(
    'secrets of a type',
    secret(`${kinds}service-account-token`),
    secret(`${kinds}dockerconfigjson`),
    secret(`${kinds}dockerconfigjson`, { '.dockerconfigjson': 'bm90IGpzb24=' }),
    secret(`${kinds}dockercfg`),
    secret(`${kinds}basic-auth`),
    secret(`${kinds}ssh-auth`),
    secret(`${kinds}tls`, { 'tls.crt': '' }),
    secret('Opaque', { 'bad key': 'YQ==' }),
  );
}

async function signingRequests(both: OwnAndReal): Promise<void> {
  const [good, master] = await Promise.all([
    request('CN=ada, O=team'),
    request('CN=ada, O=system:masters'),
  ]);
  const signerName = 'kubernetes.io/kube-apiserver-client';
  const spec = { request: good, signerName, usages: ['client auth'] };
  const csr = (name: string, more: object = {}): Sent =>
    create(requests, { metadata: { name }, spec: { ...spec, ...more } });
  const approved = { type: 'Approved', status: 'True', reason: 'r', message: 'm' };
  const denied = { ...approved, type: 'Denied' };
  const failed = { ...approved, type: 'Failed' };
  const conditions = (...list: object[]): object => ({ status: { conditions: list } });
  const [approval, status] = [`${requests}/a/approval`, `${requests}/a/status`];
  await both.same(
    'requests for certificates',
    csr('a', { username: 'eve', groups: ['g'] }),
    csr('b', { request: 'bm90IFBFTQ==' }),
    csr('b', { usages: [] }),
    csr('b', { usages: ['odd', 'client auth', 'client auth'] }),
    csr('b', { signerName: 'kubernetes.io/legacy-unknown' }),
    csr('b', { signerName: '' }),
    csr('b', { expirationSeconds: 5 }),
    csr('m', { request: master }),
    patch(`${requests}/a`, { spec: { signerName: 'x.y/z' }, metadata: { labels: { a: 'b' } } }),
    patch(`${requests}/a`, conditions(approved)),
    patch(status, conditions(approved)),
    patch(approval, conditions({ type: 'Approved' })),
    patch(approval, conditions({ ...approved, status: 'False' })),
    patch(approval, conditions(approved, denied)),
    patch(approval, { status: { certificate: 'YQ==' } }),
    patch(approval, conditions(approved)),
    { path: approval },
    patch(approval, conditions()),
    patch(approval, conditions(approved, denied)),
    patch(status, conditions({ ...approved, message: 'other' })),
    patch(status, conditions(approved, failed)),
    patch(status, conditions(approved)),
    { path: `${requests}/a` },
  );
  await signersRights(both, spec);
}

/** Who may approve and sign. */
async function signersRights(both: OwnAndReal, spec: object): Promise<void> {
  const group = ['certificates.k8s.io'];
  const rules = [
    {
      apiGroups: group,
      resources: ['certificatesigningrequests', '*/status', '*/approval'],
      verbs: ['create', 'get', 'update', 'patch'],
    },
    { apiGroups: group, resources: ['signers'], verbs: ['approve'], resourceNames: ['a.b/*'] },
    { apiGroups: group, resources: ['signers'], verbs: ['sign'], resourceNames: ['c.d/e'] },
  ];
  await both.account('approver');
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'approver' };
  const subjects = [{ kind: 'ServiceAccount', name: 'approver', namespace: 'default' }];
  for (const send of [both.ours, both.real]) {
    await send(create(`${rbac}/clusterroles`, { metadata: { name: 'approver' }, rules }));
    const binding = { metadata: { name: 'approver' }, roleRef, subjects };
    await send(create(`${rbac}/clusterrolebindings`, binding));
    for (const [name, signerName] of Object.entries({ one: 'a.b/c', two: 'c.d/e' }))
      await send(create(requests, { metadata: { name }, spec: { ...spec, signerName } }));
  }
  const conditions = [{ type: 'Approved', status: 'True', reason: 'r', message: 'm' }];
  const validity = { now: Date.now(), days: 1, serial: Buffer.from('01', 'hex') };
  const authority = await createAuthority('test-ca', await generateKeys(), validity);
  const certificate = Buffer.from(pemOf(authority.certificate)).toString('base64');
  const failed = [{ type: 'Failed', status: 'True', reason: 'r', message: 'm' }];
  const as = { as: 'approver' };
  await both.same(
    'rights of approvers and signers',
    patch(`${requests}/one/approval`, { status: { conditions } }, as),
    patch(`${requests}/two/approval`, { status: { conditions } }, as),
    patch(`${requests}/one/status`, { status: { conditions: failed } }, as),
    patch(`${requests}/two/status`, { status: { conditions: failed } }, as),
    patch(`${requests}/one/status`, { status: { certificate: 'YQ==' } }, as),
    patch(`${requests}/one/status`, { status: { certificate } }, as),
    patch(`${requests}/two/status`, { status: { certificate } }, as),
  );
}

async function request(name: string): Promise<string> {
  const keys = await generateKeys();
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm });
  return Buffer.from(made.toString('pem')).toString('base64');
}
