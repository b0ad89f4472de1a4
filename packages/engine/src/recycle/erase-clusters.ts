// Makes junk read as zero, so that whoever gets it need not write around what it writes. Owns picking the clusters, and
// that nobody gets one meanwhile.

import type { RecycleContext } from "./recycle-context.js";

/** Bytes that are erased at once. */
const ERASE_BYTES_MAX = 1024 * 1024;

/** Erases up to `count` junk clusters that lie in a row; resolves with the erased ones. Nothing is durable. */
export async function eraseSome(
  context: RecycleContext,
  from: number,
  count: number,
): Promise<{ first: number; count: number }> {
  const { clusterSize, disk, states } = context;
  const { allocator, committer } = disk;
  await context.prepare();
  const most = Math.max(1, Math.min(count, Math.floor(ERASE_BYTES_MAX / clusterSize)));
  let first = states.next("junk", from);
  while (first >= 0 && !allocator.isUsable(first)) first = states.next("junk", first + 1);
  if (first < 0) return { first: -1, count: 0 };
  let taken = 0;
  while (taken < most && states.state(first + taken) === "junk") {
    await allocator.refcount(first + taken);
    if (states.state(first + taken) !== "junk" || !allocator.tryReserve(first + taken)) break;
    taken++;
  }
  if (taken === 0) return { first, count: 0 };
  try {
    await makeZero(context, first * clusterSize, taken * clusterSize);
    committer.noteData();
    for (let index = first; index < first + taken; index++) states.wiped(index);
  } finally {
    await allocator.drop(first, taken);
  }
  return { first, count: taken };
}

async function makeZero(
  { backend, punchHoles, observer }: RecycleContext,
  offset: number,
  length: number,
): Promise<void> {
  if (punchHoles && backend.discard !== undefined) {
    try {
      return await backend.discard(offset, length);
    } catch {
      // A host that cannot make holes here can be written to.
    }
  }
  await backend.write(offset, new Uint8Array(length));
  observer?.hostWrite?.({ offset, length });
}
