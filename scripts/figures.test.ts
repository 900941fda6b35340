import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pages, read } from './figures.ts';

for (const { json, page, make } of pages) {
  test(`docs/reference/${page} says what ${json} says`, () => {
    assert.equal(read(page), make(read(json)), 'write it anew: node scripts/figures.ts');
  });
}
