/** What the story shows: answers of the federation as kubectl prints them, and its waiting. */
import { type Clock, sleep } from '../base/clock.ts';
import { UserError } from '../base/errors.ts';
import { table } from '../cli/output.ts';
import type { RestClient } from '../client/rest.ts';

const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

interface TableAnswer {
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority: number }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[];
}

/** What `kubectl get` prints for a path: the columns that are not only for -o wide. */
export async function kubectlGet(client: RestClient, path: string): Promise<string> {
  const answer = await client.get(path, { headers: { accept: asTable } });
  const { columnDefinitions = [], rows = [] } = answer.object<TableAnswer>();
  const shown = columnDefinitions.flatMap(({ name, priority }, at) =>
    priority === 0 ? [{ name: name.toUpperCase(), at }] : [],
  );
  if (rows.length === 0) return 'No resources found';
  return table(
    shown.map(({ name }) => name),
    rows.map(({ cells }) => shown.map(({ at }) => String(cells[at] ?? '<none>'))),
  );
}

/** Longest that any step of the story may take, milliseconds. */
const longestMs = 90_000;
const lookEveryMs = 100;

/** Resolves when `holds` does. @throws UserError when it never does */
export async function until(
  clock: Clock,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const giveUpAt = clock.monotonic() + longestMs;
  for (;;) {
    if (await holds()) return;
    if (clock.monotonic() > giveUpAt) {
      const hint = 'look at it with kubectl get clusters,distributions -A; the log may say more';
      throw new UserError(`this did not happen in ${longestMs / 1000} s: ${what}`, hint);
    }
    await sleep(clock, lookEveryMs);
  }
}
