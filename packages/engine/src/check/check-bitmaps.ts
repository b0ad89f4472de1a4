// Checks the bitmap directory, tables and data (specification: "Bitmaps"); the bits themselves are not read.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import {
  bitmapTableEntryHasReservedBits,
  bitmapTableEntryOffset,
  isFormatError,
  printable,
} from "@qcow/format";
import type { ImageHead } from "../read-head.js";
import {
  type BitmapTableUse,
  distinctTables,
  readBitmapDirectory,
  readBitmapTable,
  validBitmapsExtension,
} from "../tables/read-bitmaps.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import type { References } from "./references.js";

/** Counts what the bitmaps reference. A directory that cannot be decoded is a finding. */
export async function checkBitmaps(
  backend: ReadableBlockBackend,
  head: ImageHead,
  references: References,
  log: FindingLog,
  options: IoOptions,
): Promise<void> {
  const extension = validBitmapsExtension(head);
  if (extension === undefined) return;
  references.add(
    hostOffset(extension.directoryOffset),
    hostOffset(extension.directorySize),
    "the bitmap directory",
  );
  try {
    const bitmaps = await readBitmapDirectory(backend, head, options);
    for (const use of distinctTables(bitmaps, head)) {
      await checkBitmap(backend, head, use, references, log, options);
    }
  } catch (error) {
    if (!isFormatError(error)) throw error;
    log.corruption("BITMAP_INVALID", () => `ERROR ${error.message}`, hostOffset(extension.directoryOffset));
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
  references.add(hostOffset(bitmap.tableOffset), bitmap.tableSize * 8, `the table of ${name}`, times);
  const table = await readBitmapTable(backend, bitmap, head.fileSize, options);
  for (let at = 0; at + 8 <= table.byteLength; at += 8) {
    const high = table.getUint32(at);
    const low = table.getUint32(at + 4);
    const offset = bitmapTableEntryOffset(high, low);
    if (bitmapTableEntryHasReservedBits(high, low) || offset % clusterSize !== 0) {
      const message = () => `ERROR entry ${at / 8} of the table of ${name} makes no sense`;
      log.corruption("BITMAP_INVALID", message, hostOffset(bitmap.tableOffset) + at);
    } else if (offset !== 0) references.add(offset, clusterSize, `data of ${name}`, times);
  }
}
