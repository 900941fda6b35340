/** The user in a client certificate: its common name, and its organizations as groups. */
import type { TLSSocket } from 'node:tls';

export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/** The certificate of a connection whose chain has been verified; undefined when there is none. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  if (!socket.authorized) return undefined;
  const { subject, valid_to: notAfter } = socket.getPeerCertificate();
  if (subject === undefined) return undefined;
  const names = values(subject.CN);
  const commonName = names.at(-1) ?? '';
  const expires = Date.parse(notAfter);
  if (commonName === '' || Number.isNaN(expires)) return undefined;
  return { commonName, organizations: values(subject.O), notAfter: expires };
}

function values(field: string | string[] | undefined): string[] {
  return field === undefined ? [] : typeof field === 'string' ? [field] : field;
}
