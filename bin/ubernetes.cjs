#!/usr/bin/env node
// Finds a Node that runs TypeScript (the pinned one, or this one if it is new enough) and starts the program on it.
'use strict';
const { spawn } = require('node:child_process');
const { existsSync, realpathSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = dirname(dirname(realpathSync(__filename)));
const pinned = join(root, 'node_modules', 'node', 'bin', 'node');
const node = Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : pinned;
if (!existsSync(node)) {
  console.error('ubernetes needs Node 24 or newer, and the pinned one is not installed');
  console.error(`hint: run "npm ci" in ${root}`);
  process.exit(1);
}
const entry = join(root, 'src', 'main', 'bin.ts');
const child = spawn(
  node,
  ['--disable-warning=ExperimentalWarning', entry, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});
