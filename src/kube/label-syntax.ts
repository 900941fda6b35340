/** What a label key and a label value may look like, in the words of Kubernetes' validation. */

const part = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const partPattern = new RegExp(`^${part}$`);
const valuePattern = new RegExp(`^(${part})?$`);
const subdomain = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const subdomainPattern = new RegExp(`^${subdomain}$`);

const partText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  `alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${part}')`;
const valueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', " +
  `regex used for validation is '(${part})?')`;
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', " +
  `regex used for validation is '${subdomain}')`;

/** What is wrong with a label key (a qualified name); empty when nothing is. */
export function labelKeyProblems(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    const example = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a valid label key ${partText}${example}`];
  }
  const name = parts.at(-1)!;
  const problems = parts.length === 2 ? prefixProblems(parts[0]!) : [];
  if (name === '') problems.push('name part must be non-empty');
  else if (byteLength(name) > 63) problems.push('name part must be no more than 63 bytes');
  if (!partPattern.test(name)) problems.push(`name part ${partText}`);
  return problems;
}

function prefixProblems(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  const problems: string[] = [];
  if (byteLength(prefix) > 253) problems.push('prefix part must be no more than 253 bytes');
  if (!subdomainPattern.test(prefix)) problems.push(`prefix part ${subdomainText}`);
  return problems;
}

/** What is wrong with a label value; empty when nothing is. */
export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (byteLength(value) > 63) problems.push('must be no more than 63 bytes');
  if (!valuePattern.test(value)) problems.push(valueText);
  return problems;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
