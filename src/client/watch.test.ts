import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../kube/status.ts';
import { LineSplitter, LineTooLongError } from './lines.ts';
import { eventOf } from './watch.ts';

const parse = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

test('however a stream is cut, the lines are the same', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', '')),
        { maxLength: 20 },
      ),
      fc.array(fc.nat(40), { maxLength: 50 }),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter();
        const seen: string[] = [];
        let start = 0;
        for (const cut of [...cuts, bytes.length]) {
          const chunk = bytes.subarray(start, start + cut);
          start += cut;
          for (const line of splitter.push(chunk)) seen.push(line.toString());
        }
        assert.deepEqual(
          seen,
          lines.filter((line) => line !== ''),
        );
        assert.equal(splitter.pendingBytes, 0);
      },
    ),
  );
});

test('a line without an end is not collected for ever', () => {
  const splitter = new LineSplitter(100);
  splitter.push(Buffer.alloc(60, 0x61));
  assert.throws(() => splitter.push(Buffer.alloc(60, 0x61)), LineTooLongError);
});

test('frames are read at byte level and parsed once, in any layout understood', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'),
      fc.json(),
      fc.constantFrom(0, 1),
      (type, metadata, indent) => {
        const object = { metadata: JSON.parse(metadata) as unknown };
        const line = JSON.stringify({ type, object }, undefined, indent).replaceAll('\n', ' ');
        let parsed = 0;
        const event = eventOf(Buffer.from(line), (bytes) => {
          parsed++;
          return parse(bytes);
        });
        assert.equal(event.type, type);
        assert.deepEqual(event.object(), JSON.parse(JSON.stringify(object)));
        event.object();
        // Frames as kube-apiserver writes them once, others once more to be cut.
        assert.equal(parsed, 1 + indent);
      },
    ),
  );
});

test('an ERROR frame is the refusal that it carries', () => {
  const status = { kind: 'Status', apiVersion: 'v1', code: 410, reason: 'Expired', message: 'old' };
  const line = Buffer.from(JSON.stringify({ type: 'ERROR', object: status }));
  assert.throws(
    () => eventOf(line, parse),
    (error) => error instanceof ApiError && error.code === 410 && error.message === 'old',
  );
});

test('whatever a member sends, the frame is an event or an ApiError', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.constant('{"type":"ADDED","object":')),
      (text) => {
        try {
          eventOf(Buffer.from(text), parse);
        } catch (error) {
          assert.ok(error instanceof ApiError, String(error));
        }
      },
    ),
  );
});
