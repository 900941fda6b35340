/**
 * Served resourceVersion = store revision × 2^20 + n; commits have n = 0, what is between them n ≥
 * 1.
 */
import { withoutReason } from '../../kube/status.ts';

const step = 2 ** 20;
/** Below it, the product with `step` is exact in a double. */
const exactRevisions = 2 ** 33;

export function servedVersion(revision: number): string {
  return String(revision < exactRevisions ? revision * step : BigInt(revision) << 20n);
}

/** The store revision that a served version is the state of, rounded down. @throws ApiError 500 */
export function revisionOf(version: string): number {
  if (!/^\d{1,19}$/.test(version)) {
    const text = JSON.stringify(version);
    throw withoutReason(
      `resourceVersion: Invalid value: ${text}: strconv.ParseUint: parsing ${text}: invalid syntax`,
    );
  }
  if (version.length <= 15) return Math.floor(Number(version) / step);
  return Number(BigInt(version) >> 20n);
}
