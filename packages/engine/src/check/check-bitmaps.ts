// Checks the bitmap directory, tables and data (specification: "Bitmaps"); the bits themselves are not read.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { bitmapTableEntryHasReservedBits, bitmapTableEntryOffset, printable } from "@qcow/format";
import type { ImageHead } from "../image-metadata.js";
import {
  type BitmapTableUse,
  checkBitmapTables,
  distinctTables,
  readBitmapDirectory,
  readBitmapTable,
  validBitmapsExtension,
} from "../tables/read-bitmaps.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import type { References } from "./references.js";

/**
 * Counts what the bitmaps reference. Rejects with a `FormatError` when the directory, or the table of a bitmap that
 * is not in use, cannot be decoded: such an image cannot be opened, and not knowing what the bitmaps reference, a
 * check would call their clusters leaked.
 */
export async function checkBitmaps(
  backend: ReadableBlockBackend,
  head: ImageHead,
  references: References,
  log: FindingLog,
  options: IoOptions,
): Promise<void> {
  const extension = validBitmapsExtension(head);
  if (extension === undefined) return;
  references.addTable(
    hostOffset(extension.directoryOffset),
    hostOffset(extension.directorySize),
    "the bitmap directory",
  );
  const bitmaps = await readBitmapDirectory(backend, head, options);
  await checkBitmapTables(backend, head, bitmaps, options);
  for (const use of distinctTables(bitmaps, head)) {
    await checkBitmap(backend, head, use, references, log, options);
  }
}

async function checkBitmap(
  backend: ReadableBlockBackend,
  head: ImageHead,
  { bitmap, times }: BitmapTableUse,
  references: References,
  log: FindingLog,
  options: IoOptions,
): Promise<void> {
  const { clusterSize } = head.geometry;
  const name = `bitmap ${printable(bitmap.name)}`;
  references.addTable(hostOffset(bitmap.tableOffset), bitmap.tableSize * 8, `the table of ${name}`, times);
  const table = await readBitmapTable(backend, bitmap, head.fileSize, options);
  for (let at = 0; at + 8 <= table.byteLength; at += 8) {
    const high = table.getUint32(at);
    const low = table.getUint32(at + 4);
    const offset = bitmapTableEntryOffset(high, low);
    if (bitmapTableEntryHasReservedBits(high, low) || offset % clusterSize !== 0) {
      const message = () => `entry ${at / 8} of the table of ${name} makes no sense`;
      log.corruption("BITMAP_INVALID", message, hostOffset(bitmap.tableOffset) + at);
      references.doubt();
    } else if (offset !== 0) references.add(offset, clusterSize, `data of ${name}`, times);
  }
}
