/**
 * The thread of the SQLite writer: takes all requests that wait, runs them as one group, answers,
 * waits for more.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Reply, Request } from './sqlite-messages.ts';
import { type FileOptions, openWriter } from './sqlite-schema.ts';
import { Writer } from './sqlite-writer.ts';

export interface WriterThreadData {
  readonly file: FileOptions;
  readonly port: MessagePort;
  /** Counts requests: the thread sleeps on it, which wakes faster than an event loop. */
  readonly bell: Int32Array<SharedArrayBuffer>;
}

/** Numbers of operations above which a group takes no further request. */
const groupOperationsMax = 1024;

const { file, port, bell } = workerData as WriterThreadData;
const db = openWriter(file);
const writer = new Writer(db);
port.postMessage([{ kind: 'ready' } satisfies Reply]);

for (let open = true; open; ) {
  const rung = Atomics.load(bell, 0);
  const requests = waiting();
  if (requests.length === 0) {
    Atomics.wait(bell, 0, rung);
    continue;
  }
  open = !requests.some(({ kind }) => kind === 'close');
  const replies = writer.run(requests);
  if (!open) db.close();
  port.postMessage(replies);
}
port.close();

function waiting(): Request[] {
  const requests: Request[] = [];
  for (let operations = 0; operations < groupOperationsMax; ) {
    const received = receiveMessageOnPort(port) as { message: Request } | undefined;
    if (received === undefined) break;
    const request = received.message;
    requests.push(request);
    operations += request.kind === 'commits' ? request.numbers.length / 4 : 1;
    if (request.kind === 'close') break;
  }
  return requests;
}
