/** What kube-apiserver 1.37 says to whoever uses a type that is to go. */

const texts: Readonly<Record<string, string>> = {
  '/v1/componentstatuses': 'v1 ComponentStatus is deprecated in v1.19+',
  '/v1/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
};

export function deprecationOf(target: {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}): string | undefined {
  return texts[`${target.group}/${target.version}/${target.resource}`];
}
