/** Users whom a trusted proxy in front of us has authenticated and names in headers. */
import type { User } from '../backend.ts';

export interface FrontProxyOptions {
  /** Common names of its certificate; empty: any that the authority has signed. */
  readonly allowedNames: readonly string[];
  /** Names in lower case, the first that is there counts. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Undefined: the proxy may not speak, or names nobody. */
export function proxiedUser(
  headers: Readonly<Record<string, string>>,
  commonName: string,
  options: FrontProxyOptions,
): User | undefined {
  const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraPrefixes } = options;
  if (allowedNames.length > 0 && !allowedNames.includes(commonName)) return undefined;
  const first = (names: readonly string[]): string =>
    names.map((name) => headers[name] ?? '').find((value) => value !== '') ?? '';
  const name = first(usernameHeaders);
  if (name === '') return undefined;
  const uid = first(uidHeaders);
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    const prefix = extraPrefixes.find((each) => header.startsWith(each));
    if (prefix !== undefined) extra[unescaped(header.slice(prefix.length))] = listOf(header, value);
  }
  return {
    name,
    ...(uid !== '' && { uid }),
    groups: groupHeaders.flatMap((header) => listOf(header, headers[header])),
    extra,
  };
}

/** Several values of one header reach us joined by newlines, of X-Remote-*, or by commas. */
function listOf(header: string, value: string | undefined): string[] {
  return (value ?? '')
    .split(header.startsWith('x-remote-') ? '\n' : ',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
