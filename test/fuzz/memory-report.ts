/**
 * Loaded into the served process: at every SIGUSR2 all garbage is collected, and what is left in
 * memory is written to the file that UBERNETES_MEMORY_REPORT names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const file = process.env['UBERNETES_MEMORY_REPORT'];
if (file !== undefined && isMainThread) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGUSR2', () => {
    // Buffers go in the turn after that in which their owners went.
    collect();
    setImmediate(() => {
      collect();
      writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
      renameSync(`${file}.new`, file);
    });
  });
}
