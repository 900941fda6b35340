/**
 * `npm run demo`: the program's own demo, and with --testbed the same story on real
 * kube-apiservers.
 */
import 'reflect-metadata';
import { holdProcess, WallClock } from '../src/base/clock.ts';
import { SystemRandom } from '../src/base/random.ts';
import { runProgram } from '../src/cli/program.ts';
import { connectionOf, parseKubeconfig } from '../src/client/kubeconfig.ts';
import { RestClient } from '../src/client/rest.ts';
import { TlsTransport } from '../src/client/tls-transport.ts';
import { type Cast, sandboxCast } from '../src/main/demo.ts';
import { addDemo } from '../src/main/demo-command.ts';
import { joinMember } from '../src/members/join.ts';
import { cutOff, reconnect } from '../testbed/faults.ts';
import { startFleet } from '../testbed/fleet.ts';
import type { Member } from '../testbed/member.ts';

const clock = new WallClock();
const random = new SystemRandom();
const zones = ['asia-east1-b', 'europe-west1-b', 'us-east1-b', 'us-central1-b'];

function settingsOf(member: Member) {
  const context = parseKubeconfig(member.kubeconfigText).context();
  const readFile = (): string => {
    throw new Error('the kubeconfigs of the testbed hold everything themselves');
  };
  return connectionOf(context, { clock, directory: '.', readFile });
}

async function testbedCast(): Promise<Cast> {
  console.log(
    'Four real clusters start (etcd, kube-apiserver, controllers, scheduler, fake nodes) …',
  );
  const fleet = await startFleet({
    members: zones.map((zone) => ({ name: zone, zone, region: zone.slice(0, -2) })),
  });
  const clients = await Promise.all(
    fleet.members.map(async (member) => {
      const { adminToken, directServer, ca } = member;
      const transport = new TlsTransport({
        server: directServer,
        ca,
        token: () => adminToken,
        clock,
      });
      return new RestClient(transport, { userAgent: 'ubernetes-demo' });
    }),
  );
  return {
    members: fleet.members.map((member, i) => ({
      name: member.name,
      client: clients[i]!,
      cutOff: () => cutOff(member),
      reconnect: () => reconnect(member),
    })),
    async join(federation) {
      const home = await federation.get('/api/v1/namespaces/kube-system');
      const federationId = home.object().metadata.uid!;
      for (const member of fleet.members) {
        const settings = await settingsOf(member);
        await joinMember({ federation, federationId, name: member.name, settings, clock });
      }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.transport.close()));
      await fleet.stop();
    },
  };
}

const release = holdProcess();
process.exitCode = await runProgram(['demo', ...process.argv.slice(2)], {
  clock,
  terminal: { out: process.stdout, err: process.stderr, env: process.env },
  version: 'demo',
  add: (program, context) => {
    addDemo(program, context, {
      clock,
      random,
      startCast: (serving, flags) => (flags['testbed'] ? testbedCast() : sandboxCast(serving)),
    }).option('--testbed', 'on real kube-apiservers (npm run testbed -- build makes them)');
  },
});
release();
