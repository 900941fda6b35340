/** The command lines of a member's processes. */
import { join } from 'node:path';
import { binaryPath } from './binaries.ts';
import type { MemberCertificates } from './certificates.ts';
import type { Command } from './processes.ts';

/** Where one member's processes find what they need. */
export interface Place {
  readonly name: string;
  readonly folder: string;
  readonly etcdUrl: string;
  readonly port: number;
  readonly older: boolean;
  readonly full: boolean;
  readonly apiserverFlags: readonly string[];
  readonly certificates: MemberCertificates;
  readonly tokenFile: string;
  /** Kubeconfigs by user, for the member's own components; they avoid the wire. */
  readonly componentKubeconfig: (user: ComponentUser) => string;
  readonly kwokConfig: string;
  readonly schedulerConfig: string;
}

/** The components' identities, as real clusters name them. */
export const componentUsers = [
  'system:kube-controller-manager',
  'system:kube-scheduler',
  'system:kwok',
] as const;
export type ComponentUser = (typeof componentUsers)[number];

/** kube-apiserver with its own authority, RBAC and a prefix in the shared etcd. */
export function apiserverCommand(place: Place): Command {
  const { certificates, folder } = place;
  return command(place, ofVersion(place, 'kube-apiserver'), [
    `--etcd-servers=${place.etcdUrl}`,
    `--etcd-prefix=/${place.name}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${place.port}`,
    `--cert-dir=${folder}`,
    `--tls-cert-file=${certificates.servingFile}`,
    `--tls-private-key-file=${certificates.servingKeyFile}`,
    `--client-ca-file=${certificates.caFile}`,
    `--token-auth-file=${place.tokenFile}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${certificates.accountPublicFile}`,
    `--service-account-signing-key-file=${certificates.accountKeyFile}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--endpoint-reconciler-type=none',
    '--allow-privileged=true',
    '--profiling=false',
    '--shutdown-delay-duration=0s',
    // Nobody makes the service accounts that this plugin demands of every pod.
    ...(place.full ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...place.apiserverFlags,
  ]);
}

/** What a full member runs beside its API server. */
export function componentCommands(place: Place): Command[] {
  return [controllerManager(place), scheduler(place), kwok(place)];
}

function controllerManager(place: Place): Command {
  const { certificates } = place;
  const kubeconfig = place.componentKubeconfig('system:kube-controller-manager');
  return command(place, ofVersion(place, 'kube-controller-manager'), [
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${certificates.accountKeyFile}`,
    `--root-ca-file=${certificates.caFile}`,
    `--cluster-signing-cert-file=${certificates.caFile}`,
    `--cluster-signing-key-file=${certificates.caKeyFile}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--profiling=false',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ]);
}

function scheduler(place: Place): Command {
  const args = [`--config=${place.schedulerConfig}`, '--secure-port=0'];
  return command(place, ofVersion(place, 'kube-scheduler'), args);
}

function kwok(place: Place): Command {
  return command(place, 'kwok', [
    `--kubeconfig=${place.componentKubeconfig('system:kwok')}`,
    `--config=${place.kwokConfig}`,
    '--manage-all-nodes=true',
    '--node-lease-duration-seconds=40',
    '--cidr=10.244.0.0/16',
    '--node-ip=127.0.0.1',
  ]);
}

function ofVersion({ older }: Place, program: string): string {
  return older ? `older/${program}` : program;
}

function command(place: Place, file: string, args: string[]): Command {
  const program = file.split('/').at(-1) as string;
  return {
    title: `${place.name}/${program}`,
    file: binaryPath(file),
    args,
    directory: place.folder,
    logFile: join(place.folder, `${program}.log`),
    // Fifty members on two cores: fewer threads, less memory kept for the collector.
    env: { GOMAXPROCS: '2', HOME: place.folder },
  };
}

/** kube-scheduler's configuration: retries soon, so that room that comes free is used at once. */
export function schedulerConfigText(kubeconfig: string): string {
  return `${JSON.stringify({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { kubeconfig, qps: 500, burst: 1000 },
    leaderElection: { leaderElect: false },
    enableProfiling: false,
    podInitialBackoffSeconds: 1,
    podMaxBackoffSeconds: 2,
  })}\n`;
}
