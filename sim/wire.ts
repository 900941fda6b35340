/** Writes of the federation as they arrive at a member, seen between the line and the member. */
import type { Transport, TransportRequest } from '../src/client/transport.ts';
import type { JsonObject, KubeObject } from '../src/kube/object.ts';
import { type Mirror, storeKey } from './mirror.ts';

export interface WriteTarget {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  /** '' for a POST to a collection. */
  readonly name: string;
  readonly subresource: string;
}

export interface MemberWrite {
  readonly cluster: string;
  readonly method: string;
  readonly path: string;
  readonly target: WriteTarget;
  readonly body: JsonObject | undefined;
  /** What stood under that name when the request came. */
  readonly before: KubeObject | undefined;
}

export interface WireOptions {
  readonly cluster: string;
  readonly mirror: Mirror;
  /** Before the member sees it. */
  readonly onRequest: (write: MemberWrite) => void;
  /** When the member has answered, whether or not the answer arrives. */
  readonly onAnswer: (write: MemberWrite, status: number) => void;
}

/** Reports every write that is meant; dry runs and questions are none. */
export function watchedTransport(inner: Transport, options: WireOptions): Transport {
  return {
    async request(request) {
      const write = writeOf(request, options);
      if (write === undefined) return inner.request(request);
      options.onRequest(write);
      const response = await inner.request(request);
      options.onAnswer(write, response.status);
      return response;
    },
    close: () => inner.close(),
  };
}

const questions = /\/(selfsubject|subjectaccess|tokenreviews|localsubject)/;

function writeOf(
  { method, path, body }: TransportRequest,
  { cluster, mirror }: WireOptions,
): MemberWrite | undefined {
  if (method === 'GET' || questions.test(path)) return undefined;
  const [location = '', query = ''] = path.split('?', 2);
  if (/(^|&)dryRun=All/.test(query)) return undefined;
  const target = targetOf(location);
  const parsed = body === undefined ? undefined : (JSON.parse(body.toString('utf8')) as JsonObject);
  const name = target.name || nameIn(parsed);
  const before = mirror.get(storeKey({ ...target, name }));
  return { cluster, method, path: location, target: { ...target, name }, body: parsed, before };
}

function nameIn(body: JsonObject | undefined): string {
  const metadata = body?.['metadata'] as { name?: string } | undefined;
  return metadata?.name ?? '';
}

/** /api/v1/… and /apis/GROUP/VERSION/…, as the client writes them. */
function targetOf(path: string): WriteTarget {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  let rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  let namespace = '';
  if (
    rest[0] === 'namespaces' &&
    rest.length > 2 &&
    rest[2] !== 'status' &&
    rest[2] !== 'finalize'
  ) {
    namespace = rest[1]!;
    rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = rest;
  return { group, resource, namespace, name, subresource };
}
