/**
 * What an API server adds to an object when it is made: addresses of Services.
 */
import type { Admit } from '../apiserver/admission.ts';
import { integer, type Random } from '../base/random.ts';
import { type Json, type JsonObject, type KubeObject, objectAt, valueAt } from '../kube/object.ts';
import { groupResource } from '../kube/resource.ts';

/** Admission of a sandbox member. */
export function allocating(random: Random): Admit {
  return async (_context, { operation, type, object }) => {
    if (operation !== 'CREATE') return object;
    return groupResource(type) === 'services' ? withAddresses(object, random) : object;
  };
}

function withAddresses(service: KubeObject, random: Random): KubeObject {
  const spec: JsonObject = objectAt(service, 'spec') ?? {};
  const type = spec['type'] ?? 'ClusterIP';
  if (type === 'ExternalName' || spec['clusterIP'] === 'None') return service;
  const clusterIP =
    spec['clusterIP'] || `10.96.${integer(random, 256)}.${1 + integer(random, 254)}`;
  const exposed = type === 'NodePort' || type === 'LoadBalancer';
  const ports = Array.isArray(spec['ports']) ? spec['ports'] : [];
  return {
    ...service,
    spec: {
      ...spec,
      type,
      clusterIP,
      clusterIPs: [clusterIP],
      ports: exposed ? ports.map((port) => withNodePort(port, random)) : ports,
    },
  };
}

function withNodePort(port: Json, random: Random): Json {
  if (valueAt(port, 'nodePort')) return port;
  return { ...(port as JsonObject), nodePort: 30_000 + integer(random, 2768) };
}
