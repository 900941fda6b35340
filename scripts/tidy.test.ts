import assert from 'node:assert/strict';
import { describe as group, test } from 'node:test';
import { checkout, describe, readCheckout, violations } from './tidy.ts';

/** What tidy says about these files, as `path:line rule`, without the files being dead. */
function says(files: Record<string, string>): string[] {
  const alive = Object.keys(files)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `import '../${path}';`);
  const all = { ...files, 'test/alive.test.ts': `${alive.join('\n')}\n` };
  return violations(new Map(Object.entries(all))).map(
    ({ path, line, rule }) => `${path}:${line} ${rule}`,
  );
}

const value = 'export const value = 1;\n';

test('this checkout keeps the rules of the house', () => {
  assert.deepEqual(violations(readCheckout(checkout)).map(describe), []);
});

group('import direction', () => {
  test('allows lower floors and the own folder', () => {
    const files = {
      'src/base/clock.ts': value,
      'src/kube/object.ts': value,
      'src/kube/json.ts':
        "import '../base/clock.ts';\nimport './object.ts';\nimport 'undici-types';\n",
      'src/main/compose.ts': "import '../kube/json.ts';\n",
    };
    assert.deepEqual(says(files), []);
  });

  test('refuses a higher floor, whatever the sort of import', () => {
    const files = {
      'src/kube/object.ts': value,
      'src/base/clock.ts': [
        "import { value } from '../kube/object.ts';",
        "import type { Other } from '../kube/object.ts';",
        "export { value as again } from '../kube/object.ts';",
        "export const later = import('../kube/object.ts');",
        'export const sum: Other = value;',
      ].join('\n'),
    };
    const rule = 'import-direction';
    assert.deepEqual(
      says(files),
      [1, 2, 3, 4].map((line) => `src/base/clock.ts:${line} ${rule}`),
    );
  });

  test('refuses the neighbour on the same floor', () => {
    const files = {
      'src/store/store.ts': value,
      'src/kube/json.ts': "import '../store/store.ts';\n",
    };
    assert.deepEqual(says(files), ['src/kube/json.ts:1 import-direction']);
  });

  test('refuses folders outside src, and folders without a floor', () => {
    const files = {
      'testbed/fleet.ts': value,
      'src/main/serve.ts': "import '../../testbed/fleet.ts';\n",
      'src/attic/old.ts': value,
    };
    assert.deepEqual(says(files), [
      'src/attic/old.ts:0 import-direction',
      'src/main/serve.ts:1 import-direction',
    ]);
  });

  test('lets a test join what the house keeps apart', () => {
    const files = {
      'testbed/fleet.ts': value,
      'src/apiserver/server.ts': value,
      'src/client/rest.member.test.ts':
        "import '../../testbed/fleet.ts';\nimport '../apiserver/server.ts';\n",
    };
    assert.deepEqual(says(files), []);
  });
});

test('import circles are found, over several files and for types alone', () => {
  const files = {
    'src/kube/a.ts': "import './b.ts';\n",
    'src/kube/b.ts': "import './c.ts';\n",
    'src/kube/c.ts': "import type { A } from './a.ts';\nexport type C = A;\n",
    'src/kube/d.ts': "import './a.ts';\n",
    'src/kube/self.ts': "import './self.ts';\n",
  };
  const found = violations(new Map(Object.entries(files))).filter(
    (v) => v.rule === 'import-circle',
  );
  assert.deepEqual(found.map(describe), [
    'src/kube/a.ts import-circle: these import each other: ' +
      'src/kube/a.ts, src/kube/b.ts, src/kube/c.ts',
    'src/kube/self.ts import-circle: these import each other: src/kube/self.ts',
  ]);
});

test('barrels are refused, a file with something of its own is none', () => {
  const files = {
    'src/kube/object.ts': value,
    'src/kube/all.ts': "import './object.ts';\nexport * from './object.ts';\n",
    'src/kube/index.ts': value,
    'src/kube/more.ts': "export { value } from './object.ts';\nexport const own = 2;\n",
  };
  assert.deepEqual(says(files), ['src/kube/all.ts:2 barrel', 'src/kube/index.ts:0 barrel']);
});

group('dead files', () => {
  function dead(files: Record<string, string>): string[] {
    return violations(new Map(Object.entries(files)))
      .filter(({ rule }) => rule === 'dead-file')
      .map(({ path }) => path);
  }

  test('are those that no start reaches', () => {
    const files = {
      'src/main/bin.ts': "import './serve.ts';\n",
      'src/main/serve.ts': "new Worker(new URL('../store/worker.ts', import.meta.url));\n",
      'src/store/worker.ts': "import './sqlite.ts';\n",
      'src/store/sqlite.ts': value,
      'src/store/tested.test.ts': "import './tested.ts';\n",
      'src/store/tested.ts': value,
      'src/store/island.ts': "import './other-island.ts';\n",
      'src/store/other-island.ts': value,
    };
    assert.deepEqual(dead(files), ['src/store/island.ts', 'src/store/other-island.ts']);
  });

  test('are not the programs beside src', () => {
    const files = {
      'scripts/record.ts': value,
      'sim/main.ts': "import './world.ts';\n",
      'sim/world.ts': value,
      'sim/unused.ts': value,
      'bench/deep/run.ts': value,
      'scripts/record/types.ts': 'if (import.meta.main) process.exitCode = 1;\n',
      'package.json': '{"scripts":{"bench":"node bench/deep/run.ts"}}',
    };
    assert.deepEqual(dead(files), ['sim/unused.ts']);
  });
});

group('sizes', () => {
  const long = (lines: number): string => 'export {};\n'.repeat(lines);

  test('of files are limited, tests may be longer, data as long as it is', () => {
    const files = {
      'sim/limit.ts': long(600),
      'sim/long.ts': long(601),
      'sim/limit.test.ts': long(800),
      'sim/long.test.ts': long(801),
      'sim/data/table.ts': long(2000),
    };
    assert.deepEqual(says(files), ['sim/long.test.ts:0 file-size', 'sim/long.ts:0 file-size']);
  });

  test('of half of the files in src are small', () => {
    const files = {
      'src/base/a.ts': long(150),
      'src/base/b.ts': long(200),
      'src/base/c.ts': long(1),
      'src/base/d.test.ts': long(1),
      'src/base/e.test.ts': long(1),
    };
    assert.deepEqual(says(files), ['src/:0 file-size']);
  });

  test('of functions are limited, whatever their sort', () => {
    const body = (lines: number): string => `{\n${'  value();\n'.repeat(lines - 2)}}`;
    const files = {
      'sim/functions.ts': [
        `function fits() ${body(70)}`,
        `function long() ${body(71)}`,
        `const arrow = () => ${body(71)};`,
        `class One { method() ${body(71)} get x() ${body(70)} constructor() ${body(71)} }`,
      ].join('\n'),
      'sim/story.test.ts': `test('a long story', () => ${body(300)});`,
    };
    assert.deepEqual(says(files), [
      'sim/functions.ts:71 function-size',
      'sim/functions.ts:142 function-size',
      'sim/functions.ts:213 function-size',
      'sim/functions.ts:352 function-size',
    ]);
  });

  test('of lines are limited in characters, except where they cannot be broken', () => {
    const files = {
      'sim/wide.ts': [
        `// ${'x'.repeat(97)}`,
        `// ${'x'.repeat(98)}`,
        `// ${'😀'.repeat(97)}`,
        `// https://example.org/${'x'.repeat(98)}`,
        `export const text = '${'x'.repeat(98)}';`,
        `export const pattern = /${'x'.repeat(98)}/;`,
        `export const sum = ${'1 + '.repeat(30)}'short';`,
        `export const lines = \`${'x'.repeat(98)}`,
        `${'x'.repeat(98)} \${lines} x\`;`,
      ].join('\n'),
    };
    assert.deepEqual(says(files), ['sim/wide.ts:2 line-width', 'sim/wide.ts:7 line-width']);
  });
});

group('banned calls', () => {
  const banned = [
    'export const at = Date.now();',
    'export const at = new Date();',
    'export const at = Date();',
    'export const at = globalThis.Date.now();',
    'export const at = performance.now();',
    'export const n = Math.random();',
    'setTimeout(() => {}, 1);',
    'export const later = setInterval;',
    'setImmediate(() => {});',
    'export const id = crypto.randomUUID();',
    'export const page = globalThis.fetch(address);',
    "import { randomBytes } from 'node:crypto';",
    "import { connect, isIP } from 'node:net';",
    "import 'node:tls';",
    "import http2 from 'node:http2';",
    "import { setTimeout as sleep } from 'node:timers/promises';",
    "import { type Dispatcher, request } from 'undici';",
  ];

  for (const line of banned) {
    test(`include ${line}`, () => {
      assert.deepEqual(says({ 'src/kube/time.ts': line }), ['src/kube/time.ts:1 banned-call']);
    });
  }

  test('are allowed to the base, the adapters, tests and everything beside src', () => {
    const text = banned.join('\n');
    const files = {
      'src/base/clock.ts': text,
      'src/client/tls-transport.ts': text,
      'src/apiserver/server.ts': text,
      'src/store/sqlite-worker.ts': text,
      'src/kube/time.test.ts': text,
      'testbed/fleet.ts': text,
    };
    assert.deepEqual(says(files), []);
  });

  test('do not include the innocent', () => {
    const files = {
      'src/kube/time.ts': [
        'export const at = new Date(0);',
        'export const parsed = Date.parse(text);',
        'export const later = clock.setTimeout(1);',
        'export const port = { fetch: 1, setTimeout() {} };',
        'export interface Port { fetch(): void; setTimeout: number }',
        '// Date.now() in a comment',
        "export const text = 'Math.random()';",
        "import type { Socket } from 'node:net';",
        "import { type Dispatcher } from 'undici';",
        "import { isIP } from 'node:net';",
        "import { createHash } from 'node:crypto';",
        'export type Timer = ReturnType<typeof setTimeout>;',
      ].join('\n'),
      'src/kube/own.ts': 'export function run(fetch: () => void) { fetch(); }\n',
    };
    assert.deepEqual(says(files), []);
  });
});

group('words', () => {
  test('that say nothing are no names of folders or files', () => {
    const files = {
      'src/kube/util/time.ts': value,
      'testbed/helpers.ts': value,
      'src/kube/shared-informer.ts': value,
    };
    assert.deepEqual(says(files), [
      'src/kube/util/time.ts:0 empty-name',
      'testbed/helpers.ts:0 empty-name',
    ]);
  });

  test('of unfinished work are found in code and prose', () => {
    const marks = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'];
    const files = {
      'docs/plan.md': `# Plan\n${marks[0]}: write it\n`,
      'sim/world.ts': `// ${marks[1]}\n// ${marks[2]}: really\n// mktemp-${marks[2]}X\n`,
    };
    assert.deepEqual(says(files), [
      'docs/plan.md:2 unfinished',
      'sim/world.ts:1 unfinished',
      'sim/world.ts:2 unfinished',
    ]);
  });

  test('that lead to one machine are found, paths of addresses are not', () => {
    const home = ['', 'home', 'somebody', 'checkout'].join('/');
    const files = {
      'README.md': `Run it in ${home}.\n`,
      'sim/world.ts': "export const path = '/api/v1/root/x';\nexport const at = './work/it';\n",
    };
    assert.deepEqual(says(files), ['README.md:1 machine-path']);
  });
});
