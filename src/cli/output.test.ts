import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { UserError } from '../base/errors.ts';
import { ApiError } from '../kube/status.ts';
import { fromOptions, Output, UsageError } from './output.ts';

function output(isTTY: boolean, env: Record<string, string> = {}) {
  const out = Object.assign(new PassThrough(), { isTTY });
  const err = Object.assign(new PassThrough(), { isTTY });
  return { shown: new Output({ out, err, env }), out, err };
}

test('colours are for terminals, and not for those that do not want them', () => {
  assert.equal(output(true).shown.style('green', 'x'), '\u001b[32mx\u001b[39m');
  assert.equal(output(false).shown.style('green', 'x'), 'x');
  assert.equal(output(true, { NO_COLOR: '1' }).shown.style('green', 'x'), 'x');
  assert.equal(output(true, { TERM: 'dumb' }).shown.style('green', 'x'), 'x');
});

test('an error is one line and a hint, on standard error', () => {
  const { shown, out, err } = output(true);
  shown.error(new UserError('it is broken', 'mend it'));
  shown.error(new ApiError('Forbidden', 'you may not', { code: 403 }));
  assert.equal(out.read(), null);
  const text = String(err.read());
  assert.match(text, /^error: it is broken\nhint: mend it\nerror: you may not\nhint: ask an admin/);
  assert.ok(!text.includes('\u001b'));
});

test('options that make no sense are told from other failures', () => {
  const refuse = (error: Error) => () =>
    fromOptions(() => {
      throw error;
    });
  assert.throws(refuse(new UserError('--listen x is no address', 'use HOST:PORT')), UsageError);
  assert.throws(refuse(new RangeError('a fault')), RangeError);
  assert.equal(
    fromOptions(() => 5),
    5,
  );
});
