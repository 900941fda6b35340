/**
 * The credential of one member: read from its Secret, replaced in place, so that a renewed token
 * counts at once.
 */
import { type KubeObject, objectAt } from '../kube/object.ts';

export interface Credential {
  readonly token?: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  /** When the token ends, milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** When it was issued. */
  readonly issuedAt?: number;
}

export const secretKeys = {
  token: 'token',
  cert: 'tls.crt',
  key: 'tls.key',
} as const;

/** Annotations that join and the renewal write on the Secret. */
export const secretAnnotations = {
  issuedAt: 'ubernetes.dev/token-issued-at',
  expiresAt: 'ubernetes.dev/token-expires-at',
  /** 'namespace/name' of the service account in the member that the token is of. */
  serviceAccount: 'ubernetes.dev/service-account',
} as const;

/** The credential in a Secret, or undefined when it holds none. */
export function credentialOf(secret: KubeObject): Credential | undefined {
  const data = objectAt(secret, 'data') ?? {};
  const text = (key: string): string | undefined => {
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined;
  };
  const token = text(secretKeys.token)?.trim();
  const cert = text(secretKeys.cert);
  const key = text(secretKeys.key);
  const certificate = cert !== undefined && key !== undefined;
  if (!token && !certificate) return undefined;
  const times = secret.metadata.annotations ?? {};
  const expiresAt = Date.parse(times[secretAnnotations.expiresAt] ?? '');
  const issuedAt = Date.parse(times[secretAnnotations.issuedAt] ?? '');
  return {
    ...(token ? { token } : {}),
    ...(certificate ? { clientCertificate: { cert, key } } : {}),
    ...(Number.isFinite(expiresAt) ? { expiresAt } : {}),
    ...(Number.isFinite(issuedAt) ? { issuedAt } : {}),
  };
}
