import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StepClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import { AuditFile } from './log-file.ts';

const limits = { maxAgeDays: 2, maxBackups: 2, maxSizeMiB: 1 };

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail('waited in vain');
}

test('lines are appended, a file that is full is turned over, and old ones go', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'));
  try {
    const path = join(folder, 'audit.log');
    const clock = new StepClock();
    const open = () => AuditFile.open({ ...limits, path, clock, log: silentLogger });
    const line = `${'x'.repeat(600 * 1024)}\n`;
    for (let i = 0; i < 8; i++) {
      const file = await open();
      file.write(line);
      await file.close(1000);
      assert.equal(readFileSync(path).length % line.length, 0);
      clock.advance(60_000);
    }
    assert.equal(readdirSync(folder).length, 3);
    const backups = readdirSync(folder).filter((name) => name !== 'audit.log');
    for (const name of backups) assert.match(name, /^audit-2026-01-01T00-0\d-00\.000\.log$/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    clock.advance(3 * 24 * 3600_000);
    const again = await open();
    for (let i = 0; i < 3; i++) again.write(line);
    await again.close(1000);
    assert.equal(readdirSync(folder).length, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a full disk is told once, fails nobody, and holds no more than it may', {
  skip: !existsSync('/dev/full') && 'no /dev/full',
}, async () => {
  const told: string[] = [];
  const log: Logger = { ...silentLogger, error: (message) => told.push(message) };
  const clock = new StepClock();
  const metrics = new Metrics();
  const file = await AuditFile.open({ ...limits, path: '/dev/full', clock, log, metrics });
  const line = `${'x'.repeat(1024 * 1024)}\n`;
  for (let i = 0; i < 40; i++) file.write(line);
  await until(() => told.length > 0);
  for (let i = 0; i < 3; i++) {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(told.length, 1);
  assert.match(metrics.render(), /^apiserver_audit_error_total\{plugin="log"\} 9$/m);
  const closing = file.close(100);
  clock.advance(100);
  await closing;
});
