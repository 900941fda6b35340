/** Runs a credential plugin as kubectl does, if its command is on the list of those allowed. */
import { execFile } from 'node:child_process';
import { UserError } from '../base/errors.ts';
import { objectAt, valueAt } from '../kube/object.ts';
import type { ExecResult, ExecSpec } from './kubeconfig.ts';

const timeoutMs = 60_000;
const outputLimitBytes = 1024 * 1024;

/**
 * A runner for `ConnectionContext.exec`; `allowed` holds commands exactly as kubeconfigs name them
 * (relative paths resolved).
 */
export function execRunner(allowed: readonly string[]): (spec: ExecSpec) => Promise<ExecResult> {
  return async (spec) => {
    if (!allowed.includes(spec.command)) {
      throw new UserError(
        `the credential plugin ${spec.command} is not allowed here`,
        'use a token or a client certificate, or allow the plugin by its name',
      );
    }
    return credentialFrom(await run(spec), spec.command);
  };
}

function run(spec: ExecSpec): Promise<string> {
  const info = {
    kind: 'ExecCredential',
    apiVersion: spec.apiVersion,
    spec: { interactive: false },
  };
  return new Promise((resolve, reject) => {
    execFile(
      spec.command,
      [...spec.args],
      {
        timeout: timeoutMs,
        maxBuffer: outputLimitBytes,
        env: { ...process.env, ...spec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      },
      (error, stdout) => {
        if (error === null) resolve(stdout);
        else {
          const message = `the credential plugin ${spec.command} failed`;
          reject(new UserError(message, 'run it by hand to see why', { cause: error }));
        }
      },
    );
  });
}

function credentialFrom(stdout: string, command: string): ExecResult {
  let status: unknown;
  try {
    status = objectAt(JSON.parse(stdout), 'status');
  } catch {
    status = undefined;
  }
  const token = valueAt(status, 'token');
  const cert = valueAt(status, 'clientCertificateData');
  const key = valueAt(status, 'clientKeyData');
  const certificate = typeof cert === 'string' && typeof key === 'string';
  if (typeof token !== 'string' && !certificate) {
    throw new UserError(
      `the credential plugin ${command} gave no credential`,
      'run it by hand to see what it prints',
    );
  }
  return {
    ...(typeof token === 'string' ? { token } : {}),
    ...(certificate ? { clientCertificate: { cert, key } } : {}),
  };
}
