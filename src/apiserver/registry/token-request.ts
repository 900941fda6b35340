/** TokenRequest: short-lived tokens of a service account. */
import type { JsonObject } from '../../kube/object.ts';

/** Makes ES256 tokens; passed in, since keys live elsewhere. */
export interface TokenSigner {
  /** `iss` of every token, and the audience when none is asked for. */
  readonly issuer: string;
  /** A compact JWS of exactly these claims. */
  sign(claims: JsonObject): Promise<string>;
}
