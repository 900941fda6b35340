/** Bugs on purpose, one per invariant: each must be caught, or its checker checks nothing. */
import type { Transport, TransportRequest } from '../src/client/transport.ts';
import type { JsonObject, KubeObject } from '../src/kube/object.ts';
import type { Plant, World } from './world.ts';

export interface PlantedBug {
  /** The invariant that must notice. */
  readonly invariant: string;
  readonly what: string;
  readonly plant?: Plant;
  /** Done to the fleet at its end. */
  readonly inspect?: (world: World) => Promise<void>;
}

type Meddle = (request: TransportRequest, inner: Transport) => ReturnType<Transport['request']>;

const onWire = (meddle: Meddle): Plant => ({
  wire: (inner) => ({
    request: (request) => meddle(request, inner),
    close: () => inner.close(),
  }),
});

const isWrite = ({ method, path }: TransportRequest, wanted: string): boolean =>
  method === wanted && !path.includes('dryRun=All') && !path.includes('/leases');

function bodyOf({ body }: TransportRequest): KubeObject {
  return JSON.parse(body!.toString('utf8')) as KubeObject;
}

const mergePatch = { 'content-type': 'application/merge-patch+json' };

export const plantedBugs: readonly PlantedBug[] = [
  {
    invariant: 'I1',
    what: 'an object that is in the way is written over',
    plant: onWire(async (request, inner) => {
      const response = await inner.request(request);
      if (!isWrite(request, 'POST') || response.status !== 409) return response;
      const [path = ''] = request.path.split('?', 1);
      const body = Buffer.from(JSON.stringify({ metadata: { labels: { stolen: 'yes' } } }));
      const name = bodyOf(request).metadata.name;
      await inner.request({ method: 'PATCH', path: `${path}/${name}`, headers: mergePatch, body });
      return response;
    }),
  },
  {
    invariant: 'I2',
    what: 'a decision asks for far more than was wanted',
    inspect: async (world) => {
      const { client } = world.process!.federation!;
      const path = '/apis/records.ubernetes.dev/v1alpha1/decisions';
      const { items } = await world.timeline.finish(client.list(path), 10_000);
      for (const record of items) {
        const spec = record['spec'] as unknown as {
          decision: { mode: string; clusters: JsonObject };
        };
        if (spec.decision.mode !== 'Divide') continue;
        for (const share of Object.values(spec.decision.clusters))
          (share as JsonObject)['share'] = 99;
        await world.timeline.finish(
          client.update(`${path}/${record.metadata.name}`, record),
          10_000,
        );
      }
    },
  },
  {
    invariant: 'I3',
    what: 'a copy is deleted that nothing says should go',
    plant: onWire(async (request, inner) => {
      const response = await inner.request(request);
      if (!isWrite(request, 'PATCH') || response.status !== 200) return response;
      const [path = ''] = request.path.split('?', 1);
      await inner.request({ method: 'DELETE', path });
      return response;
    }),
  },
  {
    invariant: 'I4',
    what: 'changes are not written, though they seem to be',
    plant: onWire((request, inner) => {
      if (!isWrite(request, 'PATCH')) return inner.request(request);
      const [path = ''] = request.path.split('?', 1);
      return inner.request({ method: 'GET', path });
    }),
  },
  {
    invariant: 'I5',
    what: 'a copy is written that no decision names',
    plant: onWire(async (request, inner) => {
      if (isWrite(request, 'POST') && request.path.includes('/configmaps')) {
        const object = bodyOf(request);
        const annotations = { ...object.metadata.annotations };
        const parts = (annotations['ubernetes.dev/copy-of'] ?? '').split('/');
        annotations['ubernetes.dev/copy-of'] = [...parts.slice(0, 5), 'no-such-uid'].join('/');
        const early = { ...object, metadata: { ...object.metadata, annotations } };
        await inner.request({ ...request, body: Buffer.from(JSON.stringify(early)) });
      }
      return inner.request(request);
    }),
  },
  {
    invariant: 'I6',
    what: 'a crash takes back what was acknowledged',
    plant: { disk: (_now, earlier) => earlier },
  },
  {
    invariant: 'I7',
    what: 'an update does not say which state of the object it is for',
    plant: onWire((request, inner) => {
      if (!isWrite(request, 'PATCH') || request.path.includes('/status'))
        return inner.request(request);
      const { metadata, ...rest } = bodyOf(request);
      const { uid: _u, resourceVersion: _r, ...kept } = metadata ?? {};
      const body = Buffer.from(JSON.stringify({ ...rest, metadata: kept }));
      return inner.request({ ...request, body });
    }),
  },
];
