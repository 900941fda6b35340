/** The token between two pages: at which revision, and from which key on. */
import { type ApiError, badRequest } from '../../kube/status.ts';
import { servedVersion } from './revision.ts';

export interface ContinueToken {
  /** undefined: the newest state, an inconsistent continuation of a list that has expired. */
  readonly revision: number | undefined;
  /** Key below the collection's prefix, inclusive. */
  readonly start: string;
  /** How many objects are left from `start` on; undefined: unknown. */
  readonly left: number | undefined;
}

const metaVersion = 'meta.k8s.io/v1';
const tokenLengthMax = 8192;

export function encodeContinue({ revision, start, left }: ContinueToken): string {
  const rv = revision === undefined ? '-1' : servedVersion(revision);
  const count = left === undefined ? '' : `,"left":${left}`;
  const text = `{"v":"${metaVersion}","rv":${rv},"start":${JSON.stringify(start)}${count}}`;
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** @throws ApiError 400 for anything that encodeContinue does not make. */
export function decodeContinue(token: string): ContinueToken {
  const wrong = wrongByte(token);
  if (wrong !== undefined) throw badToken(`illegal base64 data at input byte ${wrong}`);
  const text =
    token.length > tokenLengthMax ? '' : Buffer.from(token, 'base64url').toString('utf8');
  const found =
    /^\{"v":"([^"]*)","rv":(-1|\d{1,19}),"start":(".*?[^\\]")(?:,"left":(\d{1,15}))?\}$/s.exec(
      text,
    );
  if (found === null) throw badToken('incorrect encoding');
  const [, version, rv, start, left] = found;
  if (version !== metaVersion)
    throw badToken(`server does not recognize this encoded version ${version}`);
  let key: unknown;
  try {
    key = JSON.parse(start!);
  } catch {
    throw badToken('incorrect encoding');
  }
  if (typeof key !== 'string' || key === '' || key.includes('\0')) throw badToken('no start');
  return {
    revision: rv === '-1' ? undefined : Number(BigInt(rv!) >> 20n),
    start: key,
    left: left === undefined ? undefined : Number(left),
  };
}

/** Where Go's decoder of URL-safe base64 without padding would stop; undefined: nowhere. */
function wrongByte(token: string): number | undefined {
  const at = token.search(/[^A-Za-z0-9_-]/);
  if (at >= 0) return at;
  return token.length % 4 === 1 ? token.length - 1 : undefined;
}

function badToken(why: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}
