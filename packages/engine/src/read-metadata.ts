// Reads everything an image says about itself, without its mapping and contents: what `info` shows, and
// what opening starts from. Opens no other file.

import type { ReadableBlockBackend } from "@qcow/block";
import type { ImageMetadata } from "./image-metadata.js";
import { type HeadOptions, readHead } from "./read-head.js";
import { checkBitmapTables, readBitmapDirectory } from "./tables/read-bitmaps.js";
import { readEncryption } from "./tables/read-encryption.js";
import { readSnapshotTable } from "./tables/read-snapshot-table.js";

/**
 * The metadata of the image in `backend`. Rejects with a `FormatError` for anything that is no sound qcow2
 * image, a `BackendError` when it cannot be read.
 */
export async function readMetadata(
  backend: ReadableBlockBackend,
  options: HeadOptions = {},
): Promise<ImageMetadata> {
  const head = await readHead(backend, options);
  const encryption = await readEncryption(backend, head, options);
  const table = await readSnapshotTable(backend, head.header, head.fileSize, options);
  const bitmaps = await readBitmapDirectory(backend, head, options);
  await checkBitmapTables(backend, head, bitmaps, options);
  return {
    ...head,
    encryption,
    snapshots: table.snapshots,
    snapshotTableLength: table.length,
    bitmaps,
  };
}
