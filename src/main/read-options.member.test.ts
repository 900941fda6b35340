import { test } from 'node:test';
import { requireMembers } from '../../testbed/binaries.ts';
import { OwnAndReal, ownFederation, type Sent } from './own-and-real.fixture.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const late = '99999999999999';

/** Every value with every other one. */
function* combined(options: Readonly<Record<string, readonly (string | undefined)[]>>) {
  const names = Object.keys(options);
  let all: [string, string][][] = [[]];
  for (const name of names)
    all = all.flatMap((before) =>
      options[name]!.map((value): [string, string][] =>
        value === undefined ? before : [...before, [name, value]],
      ),
    );
  for (const each of all) yield `${maps}?${new URLSearchParams(each)}`;
}

const versions = {
  resourceVersion: [undefined, '', '0', '1', 'x', '-1'],
  resourceVersionMatch: [undefined, '', 'Exact', 'NotOlderThan', 'Bogus'],
  sendInitialEvents: [undefined, 'true', 'false', ''],
};

/** Streams that go on are compared elsewhere: these end at once, by what they ask for. */
const watching = { watch: ['true'], timeoutSeconds: ['1'], limit: ['1'] };

const single: readonly string[] = [
  ...['limit=x', 'limit=-1', 'limit=1.5', 'limit=99999999999999999999', 'timeoutSeconds=1.5'],
  ...['timeoutSeconds=x&watch=1&resourceVersion=x', 'timeoutSeconds=-1', 'watch=0', 'pretty=x'],
  ...['watch=nonsense&resourceVersion=x', 'watch&resourceVersion=x', 'continue=x', 'bogus=1'],
  ...['continue=&resourceVersion=1', 'fieldSelector=spec.x%3D1', 'fieldSelector=metadata.name'],
  'continue=eyJ2IjoiYm9ndXMiLCJydiI6MSwic3RhcnQiOiJtLTFcdTAwMDAifQ',
  ...['fieldSelector=metadata.name%3Da,metadata.name%3Db', 'labelSelector=a%3D%3D%3Db'],
  ...['labelSelector=a+in+(', 'labelSelector=-x%3D1', 'dryRun=All', 'sendInitialEvents=maybe'],
  ...['allowWatchBookmarks=x&watch=1&resourceVersion=x', 'limit=1&resourceVersion=0'],
  ...['resourceVersion=x', `resourceVersion=${late}`, 'resourceVersionMatch=Exact'],
];

const deletions: readonly string[] = [
  ...['limit=x', 'resourceVersion=x', 'resourceVersionMatch=Exact', 'sendInitialEvents=true'],
  ...['continue=x', 'labelSelector=a+in', 'fieldSelector=a%3D1', 'dryRun=Some'],
  ...['propagationPolicy=X', 'gracePeriodSeconds=x', 'gracePeriodSeconds=-1&dryRun=All'],
];

const creations: readonly string[] = [
  ...['dryRun=x', 'fieldValidation=x', `fieldManager=${'x'.repeat(200)}`, 'fieldManager=%01'],
  ...['dryRun=All&dryRun=All', 'force=true&dryRun=All'],
];

test('options of reads are refused, and accepted, as by a real kube-apiserver', async (t) => {
  if (!(await requireMembers(t, 'bare'))) return;
  await using both = await OwnAndReal.start(await ownFederation());
  const body = { metadata: { name: 'm' } };
  await both.refusedAlike('object', { method: 'POST', path: maps, body });
  const old = '/api/v1/watch/namespaces/default/configmaps';
  const paths = [
    ...combined(versions),
    ...combined({ ...versions, ...watching }),
    ...single.flatMap((query) => [`${maps}?${query}`, `${maps}/m?${query}`]),
    ...[`${maps}/none?resourceVersion=${late}`, `${old}?resourceVersion=x`],
    ...['/api/v1/watch/configmaps?resourceVersion=x', `${old}/m?resourceVersion=x`],
    ...[`${old}?timeoutSeconds=1`, `${old}/m?timeoutSeconds=1`, '/api/v1/watch/nothing'],
  ];
  const sent: Sent[] = paths.map((path) => ({ path }));
  for (const query of deletions) sent.push({ method: 'DELETE', path: `${maps}?${query}` });
  for (const query of creations) sent.push({ method: 'POST', path: `${maps}?${query}`, body });
  const next = sent.values();
  const some = async (): Promise<void> => {
    for (const one of next) await both.refusedAlike(one.path, one);
  };
  await Promise.all(Array.from({ length: 24 }, some));
  both.settle();
});
