// What a writer owes the image before its first change (specification: "Header", autoclear_features; "Bitmap
// directory", flags): autoclear bits that it does not know are cleared, and bitmaps that should follow the guest's
// writes are marked, since nobody will update them. Durable before any guest byte changes.

import type { BlockBackend } from "@qcow/block";
import { BITMAP_FLAG_IN_USE, findExtension, knownFeatureMask } from "@qcow/format";
import type { ImageMetadata } from "../image-metadata.js";
import { bitmapEntryPlaces } from "../tables/entry-places.js";
import type { HeaderStore } from "../tables/header-store.js";

const ENTRY_FLAGS_OFFSET = 12;

/** Brings the image into the state that a writer may change; resolves with whether anything is to be flushed for it. */
export async function prepareWriting(
  backend: BlockBackend,
  header: HeaderStore,
  metadata: ImageMetadata,
): Promise<boolean> {
  const cleared = await clearUnknownAutoclear(header);
  const marked = await markBitmaps(backend, metadata);
  return cleared || marked;
}

/** Clears the bits; resolves with whether there were any. Not durable before a flush. */
export async function clearUnknownAutoclear(header: HeaderStore): Promise<boolean> {
  const { autoclearFeatures } = header.header;
  const known = autoclearFeatures & knownFeatureMask("autoclear");
  if (known === autoclearFeatures) return false;
  await header.update({ autoclearFeatures: known });
  return true;
}

async function markBitmaps(backend: BlockBackend, { extensions, bitmaps }: ImageMetadata): Promise<boolean> {
  const directory = Number(findExtension(extensions, "bitmaps")?.directoryOffset ?? 0n);
  const places = bitmapEntryPlaces(bitmaps, directory);
  let marked = false;
  for (const [index, { auto, inUse, flags }] of bitmaps.entries()) {
    if (!auto || inUse) continue;
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, flags | BITMAP_FLAG_IN_USE);
    await backend.write((places[index] as number) + ENTRY_FLAGS_OFFSET, word);
    marked = true;
  }
  return marked;
}
