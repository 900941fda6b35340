/**
 * APIServices of the federation that name a Service: their requests go through the aggregator of
 * one member in which the copy is available, the next one when that is not reached.
 */
import type { Aggregated, Forward } from '../apiserver/aggregated.ts';
import { type Transport, TransportError } from '../client/transport.ts';
import { conditionStatus } from '../kube/condition.ts';
import { isObject, valueAt } from '../kube/object.ts';
import type { MemberSet } from '../members/member-set.ts';
import { type Unit, type Units, unitKey } from './unit.ts';

const apiServices = { group: 'apiregistration.k8s.io', resource: 'apiservices' };

export interface AggregatedApisOptions {
  readonly units: Units;
  readonly members: MemberSet;
}

/** Asked on every request: answers from memory. */
export function aggregatedApis({ units, members }: AggregatedApisOptions): Aggregated {
  return (group, version) => {
    // A group of a server of its own is a domain; those of Kubernetes that are none are ours.
    if (!group.includes('.')) return undefined;
    const unit = units.get(unitKey(apiServices, `${version}.${group}`));
    const service = valueAt(unit?.standing, 'spec', 'service');
    if (unit === undefined || !isObject(service)) return undefined;
    const ways = members
      .list()
      .filter(({ name, health }) => health.ready && isAvailable(unit, name))
      .map(({ port }) => port.transport);
    return ways.length === 0 ? 'unavailable' : forwarding(ways);
  };
}

function forwarding(ways: readonly Transport[]): Forward {
  return async (request) => {
    const [first, ...others] = ways;
    try {
      return await first!.request({ ...request, proxied: true });
    } catch (error) {
      const repeatable = request.method === 'GET' || request.method === 'HEAD';
      if (!(error instanceof TransportError) || !repeatable || others.length === 0) throw error;
      return forwarding(others)(request);
    }
  };
}

function isAvailable(unit: Unit, cluster: string): boolean {
  return conditionStatus(unit.copies.get(cluster)?.live, 'Available') === 'True';
}
