/** Which form a client wants its answer in: the Accept header read as kube-apiserver reads it. */
import { ApiError } from '../kube/status.ts';

export type Encoding = 'json' | 'yaml' | 'protobuf';

export interface Conversion {
  readonly kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  /** Of meta.k8s.io. */
  readonly version: 'v1' | 'v1beta1';
}

export interface Negotiated {
  readonly encoding: Encoding;
  readonly pretty: boolean;
  readonly convert?: Conversion;
}

export interface AcceptClause {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What one endpoint can answer with. */
export interface Offer {
  /** Whether Table and PartialObjectMetadata make sense here. */
  readonly conversions: boolean;
  /** Whether the kind has a protobuf form; PartialObjectMetadata always has one. */
  readonly protobuf: boolean;
  /** A watch: only what can be framed. */
  readonly stream: boolean;
  /** Lists and watches share an address, which names the forms of both. */
  readonly watchable?: boolean;
}

const mediaTypes: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const metaVersions: ReadonlySet<string> = new Set(['v1', 'v1beta1']);
const conversionKinds: ReadonlySet<string> = new Set([
  'Table',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
]);

/** Longer headers are not read; nobody sends them. */
const acceptMax = 4096;
const clausesMax = 32;

export function mediaTypeOf(encoding: Encoding): string {
  return mediaTypes[encoding];
}

/** The clauses of an Accept header, best first. Malformed clauses are skipped. */
export function parseAccept(header: string): AcceptClause[] {
  const clauses: AcceptClause[] = [];
  for (const part of header.slice(0, acceptMax).split(',').slice(0, clausesMax)) {
    const [media = '', ...parameters] = part.trim().split(';');
    const [type = '', subtype, extra] = media.split('/').map((text) => text.trim());
    if (extra !== undefined || (subtype === undefined && type !== '*') || type === '') continue;
    const values: Record<string, string> = Object.create(null);
    let quality = 1;
    for (const parameter of parameters) {
      const [key = '', value, more] = parameter.split('=').map((text) => text.trim());
      if (value === undefined || more !== undefined) continue;
      if (key === 'q') quality = Number.parseFloat(value) || 0;
      else values[key] = value;
    }
    clauses.push({ type, subtype: subtype ?? '*', quality, parameters: values });
  }
  return clauses.sort((a, b) => b.quality - a.quality || wildness(a) - wildness(b));
}

function wildness(clause: AcceptClause): number {
  return clause.type === '*' ? 2 : clause.subtype === '*' ? 1 : 0;
}

/** The best form for this header, or undefined when none will do. An absent header means JSON. */
export function negotiateAccept(accept: string | undefined, offer: Offer): Negotiated | undefined {
  if (accept === undefined || accept === '') return { encoding: 'json', pretty: false };
  if (accept === 'application/json') return { encoding: 'json', pretty: false };
  for (const clause of parseAccept(accept)) {
    for (const encoding of all) {
      if (!matches(clause, encoding)) continue;
      const found = readParameters(clause, encoding, offer);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const all: readonly Encoding[] = ['json', 'yaml', 'protobuf'];
const streamed: readonly Encoding[] = ['json', 'protobuf'];

function matches(clause: AcceptClause, encoding: Encoding): boolean {
  const [type, subtype] = mediaTypes[encoding].split('/');
  if (clause.type === '*') return true;
  return clause.type === type && (clause.subtype === subtype || clause.subtype === '*');
}

function readParameters(
  { parameters }: AcceptClause,
  encoding: Encoding,
  offer: Offer,
): Negotiated | undefined {
  const { as, g, v, stream, sv, pretty } = parameters;
  if (stream !== undefined && stream !== '' && stream !== 'watch') return undefined;
  if (sv !== undefined && sv !== '' && sv !== 'v1') return undefined;
  const plain = { encoding, pretty: pretty === '1' };
  if (as === undefined && g === undefined && v === undefined)
    return encoding === 'protobuf' && !offer.protobuf ? undefined : plain;
  if (!offer.conversions || g !== 'meta.k8s.io') return undefined;
  if (v === undefined || !metaVersions.has(v)) return undefined;
  if (as === undefined || !conversionKinds.has(as)) return undefined;
  if (encoding === 'protobuf' && as === 'Table') return undefined;
  return {
    ...plain,
    convert: { kind: as as Conversion['kind'], version: v as Conversion['version'] },
  };
}

/** @throws ApiError 406 */
export function negotiate(accept: string | undefined, offer: Offer): Negotiated {
  if (!isKnown(accept)) throw notAcceptable(offer);
  const found = negotiateAccept(accept, offer);
  // As in kube-apiserver the best form is chosen first and may then turn out to be no stream.
  const unframed = offer.stream && found?.encoding === 'yaml';
  if (found !== undefined && !unframed) return found;
  const types = unframed
    ? streamed.map((encoding) => `${mediaTypes[encoding]};stream=watch`)
    : all.map((encoding) => mediaTypes[encoding]);
  throw new ApiError(
    'NotAcceptable',
    `only the following media types are accepted: ${types.join(', ')}`,
  );
}

/** Whether any media type of ours is named at all; as in kube-apiserver, application/* is none. */
function isKnown(accept: string | undefined): boolean {
  if (accept === undefined || accept === '' || accept === mediaTypes.json) return true;
  return parseAccept(accept).some(
    ({ type, subtype }) => type === '*' || known.has(`${type}/${subtype}`),
  );
}

const known: ReadonlySet<string> = new Set(Object.values(mediaTypes));

/** kube-apiserver's router has words of its own for it. */
function notAcceptable({ watchable }: Offer): ApiError {
  const types: string[] = all.map((encoding) => mediaTypes[encoding]);
  if (watchable) types.push(...streamed.map((one) => `${mediaTypes[one]};stream=watch`));
  const message = `406: Not Acceptable\n\nAvailable representations: ${types.join(', ')}`;
  return new ApiError('NotAcceptable', message, { details: {} });
}

/** `?pretty=` decides; without it, browsers and command-line fetchers get indented JSON. */
export function wantsPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const asked = query.get('pretty');
  if (asked !== null && asked !== '') return /^(1|t|true)$/i.test(asked);
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}
