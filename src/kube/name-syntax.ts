/** What names of objects may look like, by type, in the words of Kubernetes' validation. */
import { groupResource } from './resource.ts';

const labelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomainFormat = `${labelFormat}(\\.${labelFormat})*`;
const labelPattern = new RegExp(`^${labelFormat}$`);
const subdomainPattern = new RegExp(`^${subdomainFormat}$`);

const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  `and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomainFormat}')`;
const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', " +
  "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', " +
  `regex used for validation is '${labelFormat}')`;

/** Names that are part of other names or host names. */
const labelTypes = new Set(['namespaces', 'services', 'statefulsets.apps']);

/** Names that may hold anything that fits in a path. */
const pathTypes = new Set([
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'certificatesigningrequests.certificates.k8s.io',
  'clustertrustbundles.certificates.k8s.io',
  'ipaddresses.networking.k8s.io',
  'apiservices.apiregistration.k8s.io',
]);

/** What is wrong with a name (or, with `prefix`, a generateName); empty when nothing is. */
export function nameProblems(
  type: { readonly group: string; readonly resource: string },
  name: string,
  prefix = false,
): string[] {
  const key = groupResource(type);
  if (pathTypes.has(key)) return pathSegmentProblems(name, prefix);
  const masked = prefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
  return labelTypes.has(key) ? labelProblems(masked) : subdomainProblems(masked);
}

/** What keeps a name from being a DNS-1123 label; empty when nothing does. */
export function labelProblems(name: string): string[] {
  const problems = tooLong(name, 63);
  if (!labelPattern.test(name))
    problems.push(subdomainPattern.test(name) ? 'must not contain dots' : labelText);
  return problems;
}

const label1035Format = '[a-z]([-a-z0-9]*[a-z0-9])?';
export const label1035 = new RegExp(`^${label1035Format}$`);
export const label1035Text =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an " +
  "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', " +
  `regex used for validation is '${label1035Format}')`;

/** What keeps a name from being a DNS-1035 label; empty when nothing does. */
export function label1035Problems(name: string): string[] {
  const problems = tooLong(name, 63);
  if (!label1035.test(name)) problems.push(label1035Text);
  return problems;
}

export function subdomainProblems(name: string): string[] {
  const problems = tooLong(name, 253);
  if (!subdomainPattern.test(name)) problems.push(subdomainText);
  return problems;
}

/** Bytes of a name that may hold anything, so that its key fits the store. */
const pathSegmentMax = 2048;

function tooLong(name: string, most: number): string[] {
  return Buffer.byteLength(name) > most ? [`must be no more than ${most} characters`] : [];
}

function pathSegmentProblems(name: string, prefix: boolean): string[] {
  if (!prefix && (name === '.' || name === '..')) return [`may not be '${name}'`];
  const problems = ['/', '%']
    .filter((sign) => name.includes(sign))
    .map((sign) => `may not contain '${sign}'`);
  // kube-apiserver takes these; here a name is part of a key of the store.
  if (name.includes('\0') || !name.isWellFormed()) problems.push('must be UTF-8 text without NUL');
  return [...problems, ...tooLong(name, pathSegmentMax)];
}
