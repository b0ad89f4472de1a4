// The end of a session of writing: everything durable, the file as long as it needs to be, the dirty bit clear. Nothing
// may be under way. Owns the order, and that the bit stays set whenever something before it failed.

import { type BlockBackend, isBackendError } from "@qcow/block";
import { checkImage } from "../check/check-image.js";
import type { ActiveDisk } from "./open-disk.js";

/** Finishes writing to `backend`. When it rejects, the image is as after a crash: consistent, perhaps dirty. */
export async function closeDisk(backend: BlockBackend, disk: ActiveDisk): Promise<void> {
  const { committer, header } = disk;
  await committer.commitAll();
  await fitFile(backend, disk);
  // What was dirty when it was opened was repaired then; so the bit is ours.
  if (!header.mayBeDirty) return;
  await committer.exclusively(async () => {
    await header.setDirty(false);
    await committer.flushImage();
  });
}

// The file ends with its last cluster in use. Refcounts say which that is; they are all in the file by now. What was
// there before this session is cut off only if a check of the whole image agrees that nothing refers to it: a refcount
// that is wrong must not cost data that a repair would have saved.
async function fitFile(
  backend: BlockBackend,
  { allocator, places, committer, lengthAtOpen }: ActiveDisk,
): Promise<void> {
  const { clusterSize } = allocator;
  const fileSize = await backend.size();
  const clusters = Math.ceil(fileSize / clusterSize);
  const last = Math.max(await allocator.lastUsed(clusters), places.last());
  // What the tables claim behind the end of a file that was cut is no reason to make it longer.
  const size = Math.min(last + 1, clusters) * clusterSize;
  // Nor is it made longer because its last cluster is short: the rest of that reads as zero.
  if (size >= fileSize || (size < lengthAtOpen && !(await isSound(backend)))) return;
  try {
    await backend.resize(size);
    await committer.exclusively(() => committer.flushImage());
  } catch (error) {
    // A block device has the length that it has.
    if (!isBackendError(error, "BACKEND_UNSUPPORTED")) throw error;
  }
}

async function isSound(backend: BlockBackend): Promise<boolean> {
  const { corruptions, checkErrors } = await checkImage(backend, { findingsMax: 1 });
  return corruptions + checkErrors === 0;
}
