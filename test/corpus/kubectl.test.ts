import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Federation } from '../../src/main/federation.ts';
import { ownFederation } from '../../src/main/own-and-real.fixture.ts';
import { type Endpoint, handledBy, ourEndpoint } from '../differential/endpoint.ts';
import { scenes } from './commands.ts';
import type { Recorded } from './exchange.ts';
import { replay } from './replay.ts';

const folder = new URL('../golden/kubectl/', import.meta.url);

function recorded(verb: string): Recorded[] {
  return JSON.parse(readFileSync(new URL(`${verb}.json`, folder), 'utf8')) as Recorded[];
}

describe('what kubectl sends is answered as a real kube-apiserver has answered it', () => {
  let api: Endpoint;
  let federation: Federation;
  let access: Endpoint;

  before(async () => {
    api = await ourEndpoint();
    federation = await ownFederation();
    access = handledBy(federation.handler);
  });

  after(async () => {
    await api.close();
    await federation.stop();
  });

  for (const scene of scenes)
    test(scene.verb, async () => {
      const differences = await replay(scene.access ? access : api, recorded(scene.verb));
      assert.equal(differences.join('\n\n'), '', `${differences.length} answers differ`);
    });

  test('every recording has its commands', () => {
    const names = readdirSync(folder).map((name) => name.replace('.json', ''));
    assert.deepEqual(names.sort(), scenes.map(({ verb }) => verb).sort());
  });
});
