// Keeps what is only in memory bounded: changed tables, and clusters that wait to be free. Owns the limits; a commit is
// begun when one is reached, and waited for when it is exceeded by far.

import type { WriteContext } from "./write-context.js";

/** Clusters that wait to be free before a commit is begun. */
const PENDING_CLUSTERS_MAX = 4096;

/** Begins a commit when much is waiting for one. Rejects only when waiting for it was needed. */
export async function relieve({
  tables,
  pending,
  committer,
}: Pick<WriteContext, "tables" | "pending" | "committer">): Promise<void> {
  const load = Math.max(tables.l2.load, pending.clusters / PENDING_CLUSTERS_MAX);
  if (load <= 1) return;
  const commit = committer.commit();
  if (load > 2) await commit;
  // A failure shows at the next flush, or when so much waits that somebody has to wait for it.
  else commit.catch(() => undefined);
}
