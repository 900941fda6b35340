/** The user in a client certificate: its common name, and its organizations as groups. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly notAfter: number;
  /** Whether it stands for a user of its own; absent: it does. */
  readonly isUser?: boolean;
  /** Whether it is one of a front proxy, which says who its users are. */
  readonly isFrontProxy?: boolean;
}

/** Who may sign what. PEM, one or several certificates each. */
export interface ClientAuthorities {
  readonly users: string;
  readonly frontProxies?: string;
}

/** Sorts certificates by who signed them. */
export class CertificateSorter {
  readonly #users: readonly X509Certificate[];
  readonly #frontProxies: readonly X509Certificate[];

  constructor({ users, frontProxies = '' }: ClientAuthorities) {
    this.#users = certificatesIn(users);
    this.#frontProxies = certificatesIn(frontProxies);
  }

  /** The certificate of a connection whose chain has been verified; undefined: there is none. */
  certificateOf(socket: TLSSocket): ClientCertificate | undefined {
    const certificate = clientCertificateOf(socket);
    if (certificate === undefined || this.#frontProxies.length === 0) return certificate;
    const chain = chainOf(socket);
    return {
      ...certificate,
      isUser: isSignedByOne(chain, this.#users),
      isFrontProxy: isSignedByOne(chain, this.#frontProxies),
    };
  }
}

export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < 8) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function isSignedByOne(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  return chain.some((link) =>
    authorities.some(
      (authority) =>
        link.fingerprint256 === authority.fingerprint256 ||
        (link.checkIssued(authority) && link.verify(authority.publicKey)),
    ),
  );
}

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
