/** Which real binaries the testbed runs: read from the Go modules that pin them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One executable: where its Go module is, which package it comes from, and how it is stamped. */
export interface Binary {
  /** Path inside the binaries' folder; the older Kubernetes lives in `older/`. */
  readonly file: string;
  /** Folder below testbed/go that holds the go.mod. */
  readonly module: string;
  /** Go package with the main function. */
  readonly package: string;
  /** Version as the module pins it, such as `v1.37.2`. */
  readonly version: string;
  /** Kubernetes executables carry their version through the linker: clients parse it. */
  readonly stamped: boolean;
  /** Made of the package's tests. */
  readonly tests?: boolean;
}

/** The folder with one Go module per set of binaries. */
export const modulesFolder = fileURLToPath(new URL('go', import.meta.url));

const kubernetes = pinned('kubernetes', 'k8s.io/kubernetes');
const older = pinned('older', 'k8s.io/kubernetes');
const etcd = pinned('etcd', 'go.etcd.io/etcd/server/v3');
const kwok = pinned('kwok', 'sigs.k8s.io/kwok');
const upstream = pinned('e2e', 'k8s.io/kubernetes');
const helm = pinned('helm', 'helm.sh/helm/v4');

/** Versions of what runs, such as `v1.37.2`. */
export const versions = { kubernetes, older, etcd, kwok, upstream, helm } as const;

/** Changes whenever a pinned version changes: the name of the cache folder. */
export const versionsKey =
  `kubernetes-${bare(kubernetes)}-older-${bare(older)}` + `-etcd-${bare(etcd)}-kwok-${bare(kwok)}`;

/** Its version is in its name: it is not one of those that the folder is called by. */
export const helmFile = `helm-${bare(helm)}`;

const programs = ['kube-apiserver', 'kubectl', 'kube-controller-manager', 'kube-scheduler'];

/** In the order in which they are built: what a bare member needs comes first. */
export const binaries: readonly Binary[] = [
  entry('etcd', 'etcd', 'go.etcd.io/etcd/server/v3', etcd),
  ...programs.map((name) => entry(name, 'kubernetes', `k8s.io/kubernetes/cmd/${name}`, kubernetes)),
  entry('kwok', 'kwok', 'sigs.k8s.io/kwok/cmd/kwok', kwok),
  ...programs.map((name) =>
    entry(`older/${name}`, 'older', `k8s.io/kubernetes/cmd/${name}`, older),
  ),
  { ...entry('e2e.test', 'e2e', 'k8s.io/kubernetes/test/e2e', upstream), tests: true },
  entry(helmFile, 'helm', 'helm.sh/helm/v4/cmd/helm', helm),
];

function entry(file: string, module: string, mainPackage: string, version: string): Binary {
  const stamped = mainPackage.startsWith('k8s.io/kubernetes/');
  return { file, module, package: mainPackage, version, stamped };
}

function bare(version: string): string {
  return version.replace(/^v/, '');
}

function pinned(module: string, dependency: string): string {
  const text = readFileSync(`${modulesFolder}/${module}/go.mod`, 'utf8');
  for (const line of text.split('\n')) {
    const words = line
      .trim()
      .replace(/^require /, '')
      .split(' ');
    if (words[0] === dependency && /^v\d/.test(words[1] ?? '')) return words[1] as string;
  }
  throw new Error(`testbed/go/${module}/go.mod does not pin ${dependency}`);
}
