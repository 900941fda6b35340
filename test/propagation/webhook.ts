/** A mutating admission webhook of a member, as sidecar injectors and policy engines run them. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What the API server asks about. */
export interface Reviewed {
  readonly operation: string;
  readonly object: { readonly metadata: { readonly name: string } } & Record<string, unknown>;
}

export interface Webhook {
  readonly url: string;
  /** Base64 of PEM, as webhook configurations want it. */
  readonly caBundle: string;
  stop(): Promise<void>;
}

/**
 * Answers every review with the JSON patch that `patch` gives. `pki` holds a certificate for
 * 127.0.0.1: the federation's own.
 */
export async function startWebhook(
  pki: string,
  patch: (reviewed: Reviewed) => readonly object[],
): Promise<Webhook> {
  const [cert, key, ca] = await Promise.all(
    ['server.crt', 'server.key', 'ca.crt'].map((file) => readFile(join(pki, file))),
  );
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as {
        request: Reviewed & { uid: string };
      };
      const operations = patch(review.request);
      const answer = {
        uid: review.request.uid,
        allowed: true,
        ...(operations.length === 0
          ? {}
          : {
              patchType: 'JSONPatch',
              patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
            }),
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...review, response: answer }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    caBundle: ca!.toString('base64'),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
