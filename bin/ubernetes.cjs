#!/usr/bin/env node
// Finds a Node that runs TypeScript (the pinned one, or this one if it is new enough) and becomes the program on it.
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
// Most of what a server makes is garbage at once. Left to itself, Node lets it stand until it is a multiple of what is
// alive; these keep the process small for some CPU (docs/decisions/0045).
const memory = ['--max-semi-space-size=8', '--heap-growing-percent=40', '--no-parallel-scavenge'];
const options = [
  '--disable-warning=ExperimentalWarning',
  ...memory,
  join(root, 'src', 'main', 'bin.ts'),
];
// Options of Node's own (--cpu-prof) go on to the program.
const args = [...process.execArgv, ...options, ...process.argv.slice(2)];
const env = {
  // Compiled code, so that the next start needs neither the compiler of TypeScript nor its memory.
  NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'ubernetes'),
  // What is freed goes back to the system: glibc else raises these bounds with the largest block ever freed.
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_TOP_PAD_: '65536',
  ...process.env,
};
// Where it can, this process becomes the program; an older Node stays and hands signals on.
if (process.execve !== undefined) process.execve(node, [node, ...args], env);
const child = spawn(node, args, { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});
