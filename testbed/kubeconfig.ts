/** Kubeconfig files of members. */

/** One way into one cluster. */
export interface Access {
  /** Names the context, the cluster and the user. */
  readonly name: string;
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
}

/** A kubeconfig whose contexts carry the members' names; the first is the current one. */
export function kubeconfigText(...accesses: readonly [Access, ...Access[]]): string {
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': accesses[0].name,
      clusters: accesses.map(({ name, server, caPem }) => ({
        name,
        cluster: {
          server,
          'certificate-authority-data': Buffer.from(caPem).toString('base64'),
        },
      })),
      users: accesses.map(({ name, token }) => ({ name, user: { token } })),
      contexts: accesses.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    },
    undefined,
    2,
  )}\n`;
}
