// What a writer owes the image before its first change (specification: "Header", autoclear_features; "Bitmap
// directory", flags): autoclear bits that it does not know are cleared, and bitmaps that should follow the guest's
// writes are marked, since nobody will update them. Durable before any guest byte changes.

import type { BlockBackend } from "@qcow/block";
import { BITMAP_FLAG_IN_USE, findExtension, knownFeatureMask, padTo8 } from "@qcow/format";
import type { ImageMetadata } from "../image-metadata.js";
import type { HeaderStore } from "../tables/header-store.js";

const ENTRY_FIXED_BYTES = 24;
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

async function clearUnknownAutoclear(header: HeaderStore): Promise<boolean> {
  const { autoclearFeatures } = header.header;
  const known = autoclearFeatures & knownFeatureMask("autoclear");
  if (known === autoclearFeatures) return false;
  await header.update({ autoclearFeatures: known });
  return true;
}

async function markBitmaps(backend: BlockBackend, { extensions, bitmaps }: ImageMetadata): Promise<boolean> {
  let at = Number(findExtension(extensions, "bitmaps")?.directoryOffset ?? 0n);
  let marked = false;
  for (const { auto, inUse, flags, extraData, nameBytes } of bitmaps) {
    if (auto && !inUse) {
      const word = new Uint8Array(4);
      new DataView(word.buffer).setUint32(0, flags | BITMAP_FLAG_IN_USE);
      await backend.write(at + ENTRY_FLAGS_OFFSET, word);
      marked = true;
    }
    at += padTo8(ENTRY_FIXED_BYTES + extraData.length + nameBytes.length);
  }
  return marked;
}
