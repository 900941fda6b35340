/** Finds the real binaries, and lets a test skip itself, or fail, where they are absent. */
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { helmFile, versionsKey } from './versions.ts';

/**
 * What a test needs: API servers only, whole clusters with nodes, the older Kubernetes too, the
 * tests of Kubernetes itself, Helm.
 */
export type Need = 'bare' | 'full' | 'older' | 'upstream' | 'helm';

const bare = ['etcd', 'kube-apiserver', 'kubectl'];
const controllers = ['kube-controller-manager', 'kube-scheduler'];

const needed: Record<Need, readonly string[]> = {
  bare,
  full: [...bare, ...controllers, 'kwok'],
  older: [...bare, ...['kube-apiserver', 'kubectl', ...controllers].map((name) => `older/${name}`)],
  upstream: ['e2e.test'],
  helm: [helmFile],
};

/** Where the binaries are or belong: KUBEBUILDER_ASSETS, else a cache folder of these versions. */
export function binariesFolder(): string {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets) return assets;
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'ubernetes', 'testbed', versionsKey);
}

/** The full path of one binary; `file` as in versions.ts, such as `older/kubectl`. */
export function binaryPath(file: string): string {
  return join(binariesFolder(), file);
}

/** The binaries that are needed and not there. */
export function missingBinaries(...needs: Need[]): string[] {
  const files = new Set((needs.length ? needs : (['full'] as Need[])).flatMap((n) => needed[n]));
  return [...files].filter((file) => !isExecutable(binaryPath(file)));
}

/** True if real members of these sorts (default: full ones) can be started here. */
export function membersAvailable(...needs: Need[]): boolean {
  return missingBinaries(...needs).length === 0;
}

/**
 * For the head of a member test: `if (!(await requireMembers(t))) return;`
 * Skips the test when binaries are absent. With REQUIRE_MEMBERS=1 their absence is an error.
 */
export async function requireMembers(t: TestContext, ...needs: Need[]): Promise<boolean> {
  const missing = missingBinaries(...needs);
  if (missing.length === 0) return true;
  const message =
    `${missing.join(', ')} not in ${binariesFolder()}: ` +
    'run `npm run testbed -- build`, or set KUBEBUILDER_ASSETS';
  if (process.env['REQUIRE_MEMBERS'] === '1') throw new Error(message);
  t.skip(message);
  return false;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
