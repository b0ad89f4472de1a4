// The public face of @qcow/format: the codec of every structure of a qcow2 image.
// No I/O here: whoever wants to open an image wants @qcow/engine.

export * from "./backing-file-name.js";
export * from "./bitmap-directory.js";
export {
  BITMAP_FLAG_AUTO,
  BITMAP_FLAG_EXTRA_DATA_COMPATIBLE,
  BITMAP_FLAG_IN_USE,
  BITMAP_TYPE_DIRTY_TRACKING,
  type BitmapDirectoryEntry,
  type BitmapScope,
} from "./bitmap-directory-entry.js";
export * from "./bitmap-table.js";
export type { BitmapsExtension } from "./bitmaps-extension.js";
export { ByteReader } from "./byte-reader.js";
export { ByteWriter, padTo8 } from "./byte-writer.js";
export * from "./check-extensions.js";
export { type CheckHeaderOptions, checkHeader } from "./check-header.js";
export * from "./compressed-descriptor.js";
export type { CryptoExtension } from "./crypto-extension.js";
export * from "./errors.js";
export * from "./extended-l2.js";
export * from "./feature-bits.js";
export * from "./feature-name-table.js";
export * from "./geometry.js";
export { decodeHeader, encodeHeader, type Header, QCOW2_MAGIC } from "./header.js";
export * from "./header-extensions.js";
export * from "./l1-entry.js";
export * from "./l2-entry.js";
export * from "./limits.js";
export * from "./luks-algorithms.js";
export { LUKS_HEADER_BYTES, type LuksHeader, type LuksKeySlot } from "./luks-fields.js";
export * from "./luks-header.js";
export * from "./luks-info.js";
export { printable } from "./printable.js";
export * from "./refcount-block.js";
export * from "./refcount-table.js";
export * from "./safe-number.js";
export * from "./snapshot-table.js";
export * from "./table-placement.js";
