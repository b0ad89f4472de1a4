// Owns damaging the 16-bit refcounts of an image on purpose, as a program with a fault would.
import { open } from "node:fs/promises";

const TABLE_OFFSET_AT = 48;
const TABLE_CLUSTERS_AT = 56;
const CLUSTER_BITS_AT = 20;

/** Replaces each refcount of the image at `path` that is not 0 with what `change` makes of it. */
export async function patchRefcounts(path, change) {
  const file = await open(path, "r+");
  try {
    const header = await bytesAt(file, 0, 104);
    const clusterSize = 2 ** header.readUInt32BE(CLUSTER_BITS_AT);
    const tableOffset = Number(header.readBigUInt64BE(TABLE_OFFSET_AT));
    const table = await bytesAt(file, tableOffset, header.readUInt32BE(TABLE_CLUSTERS_AT) * clusterSize);
    for (let at = 0; at < table.length; at += 8) {
      const offset = Number(table.readBigUInt64BE(at));
      if (offset === 0) continue;
      const block = await bytesAt(file, offset, clusterSize);
      for (let entry = 0; entry < block.length; entry += 2) {
        const count = block.readUInt16BE(entry);
        if (count > 0) block.writeUInt16BE(change(count), entry);
      }
      await file.write(block, 0, block.length, offset);
    }
  } finally {
    await file.close();
  }
}

async function bytesAt(file, offset, length) {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes;
}
