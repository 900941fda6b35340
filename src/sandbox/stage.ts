/** The clusters of the stage: four members in four zones, in this process. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../client/rest.ts';
import { type Joined, joinMember } from '../members/join.ts';
import { createSandboxMember, type SandboxMember } from './member.ts';
import { findAmong, joinSandboxes } from './open.ts';
import type { StoryMember } from './story.ts';

/** Name, region: the name is the zone, as on the stage. */
const zones: readonly (readonly [string, string])[] = [
  ['asia-east1-b', 'asia-east1'],
  ['europe-west1-b', 'europe-west1'],
  ['us-east1-b', 'us-east1'],
  ['us-central1-b', 'us-central1'],
];

export interface StageOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Four members that run; nothing has joined yet. */
export function startStage(options: StageOptions): Promise<SandboxMember[]> {
  return Promise.all(
    zones.map(([name, region]) =>
      createSandboxMember({ ...options, name, region, zone: name, nodes: 3, podsPerNode: 20 }),
    ),
  );
}

/** Joins every member, one after the other, as its administrator. */
export async function joinStage(
  members: readonly SandboxMember[],
  options: { readonly federation: RestClient; readonly clock: Clock },
): Promise<Joined[]> {
  const { federation, clock } = options;
  const home = await federation.get('/api/v1/namespaces/kube-system');
  const joined: Joined[] = [];
  for (const { name, server } of members) {
    joined.push(
      await joinMember({
        federation,
        federationId: home.object().metadata.uid!,
        name,
        settings: { server, clock },
        clock,
        openTransport: joinSandboxes(findAmong(members)),
      }),
    );
  }
  return joined;
}

/** A member as the story sees it: cut off means that it is down. */
export function onStage(member: SandboxMember): StoryMember {
  return {
    name: member.name,
    client: member.client,
    cutOff: () => member.stop(),
    reconnect: () => member.start(),
  };
}
