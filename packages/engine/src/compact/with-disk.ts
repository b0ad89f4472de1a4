// A session of writing to the image that is compacted. Owns opening and closing its disk; what is done in it is the
// caller's business.

import type { BlockBackend } from "@qcow/block";
import { clearUnknownAutoclear } from "../commit/prepare-writing.js";
import { readMetadata } from "../read-metadata.js";
import { closeDisk } from "../write/close-disk.js";
import { openDisk } from "../write/open-disk.js";
import type { CompactOptions } from "./compact-report.js";
import type { Compaction, CompactionTally } from "./compaction.js";

/** Opens the disk in `backend` for `work`; whatever becomes of that, what was moved stays so, and the file ends where it can. */
export async function withDisk(
  backend: BlockBackend,
  tally: CompactionTally,
  options: CompactOptions,
  work: (compaction: Compaction) => Promise<void>,
): Promise<void> {
  const { signal, compression, observer, metadataCacheBytes } = options;
  const metadata = await readMetadata(backend, { signal });
  const disk = await openDisk(
    backend,
    metadata,
    undefined,
    { signal, observer, metadataCacheBytes, refcounts: "strict" },
    false,
  );
  // Those who wrote before may not have flushed.
  disk.committer.coverEarlierWriters();
  try {
    await disk.committer.exclusively(async () => {
      if (await clearUnknownAutoclear(disk.header)) await disk.committer.flushImage();
    });
    await work({ backend, disk, metadata, compression, options: { signal }, tally });
  } catch (error) {
    await closeDisk(backend, disk).catch(() => undefined);
    throw error;
  }
  await closeDisk(backend, disk);
}
