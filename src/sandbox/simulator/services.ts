/** Services of type LoadBalancer get an address, as a cloud gives them one. */
import { integer, type Random } from '../../base/random.ts';
import { valueAt } from '../../kube/object.ts';
import type { Followed } from './followed.ts';
import { writeStatus } from './status.ts';

export interface ServiceParts {
  readonly services: Followed;
  readonly random: Random;
}

export async function reconcileService(parts: ServiceParts, key: string): Promise<void> {
  const { services, random } = parts;
  const service = services.get(key);
  if (service === undefined || service.metadata.deletionTimestamp !== undefined) return;
  const ingress = valueAt(service, 'status', 'loadBalancer', 'ingress');
  const balanced = valueAt(service, 'spec', 'type') === 'LoadBalancer';
  if (balanced === (ingress !== undefined)) return;
  // 198.18.0.0/15 is set apart for tests and reaches nobody.
  const ip = `198.18.${integer(random, 256)}.${1 + integer(random, 254)}`;
  const loadBalancer = balanced ? { ingress: [{ ip, ipMode: 'VIP' }] } : {};
  await writeStatus(services, service, { loadBalancer });
}
