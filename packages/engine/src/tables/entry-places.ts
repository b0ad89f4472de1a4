// Where the entries of tables with entries of different lengths begin (specification: "Snapshots", "Bitmap directory",
// "Header extensions"): for those who change one field of one entry where it lies.

import type { ReadableBlockBackend } from "@qcow/block";
import { type BitmapDirectoryEntry, EXTENSION_MAGIC, type Header, padTo8, type Snapshot } from "@qcow/format";
import { readAvailable } from "./read-available.js";

const SNAPSHOT_FIXED_BYTES = 40;
const BITMAP_FIXED_BYTES = 24;
const EXTENSION_PREFIX_BYTES = 8;
/** Within the bitmaps extension: where the directory lies. */
const DIRECTORY_OFFSET = EXTENSION_PREFIX_BYTES + 16;

/** Host offset in bytes of each entry of the snapshot table at `base`. */
export function snapshotEntryPlaces(snapshots: readonly Snapshot[], base: number): number[] {
  return placesOf(
    base,
    snapshots.map(
      ({ extraData, idBytes, nameBytes }) =>
        SNAPSHOT_FIXED_BYTES + extraData.length + idBytes.length + nameBytes.length,
    ),
  );
}

/** Host offset in bytes of each entry of the bitmap directory at `base`. */
export function bitmapEntryPlaces(bitmaps: readonly BitmapDirectoryEntry[], base: number): number[] {
  return placesOf(
    base,
    bitmaps.map(({ extraData, nameBytes }) => BITMAP_FIXED_BYTES + extraData.length + nameBytes.length),
  );
}

function placesOf(base: number, lengths: readonly number[]): number[] {
  let at = base;
  return lengths.map((length) => {
    const place = at;
    at += padTo8(length);
    return place;
  });
}

/** Host offset in bytes of the field that says where the bitmap directory lies; undefined without one. */
export async function bitmapDirectoryField(
  backend: ReadableBlockBackend,
  { headerLength, clusterBits }: Header,
): Promise<number | undefined> {
  const clusterSize = 2 ** clusterBits;
  const bytes = await readAvailable(backend, 0, clusterSize, clusterSize);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = headerLength; at + EXTENSION_PREFIX_BYTES <= view.byteLength; ) {
    const magic = view.getUint32(at);
    if (magic === 0) return undefined;
    if (magic === EXTENSION_MAGIC.bitmaps) return at + DIRECTORY_OFFSET;
    at += EXTENSION_PREFIX_BYTES + padTo8(view.getUint32(at + 4));
  }
  return undefined;
}
