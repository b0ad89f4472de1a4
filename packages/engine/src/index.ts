// The public face of the engine; everything else is internal.

export { DirtyBitmap, type DirtyRunVisitor } from "./bitmaps/dirty-bitmap.js";
export { type CheckOptions, checkImage } from "./check/check-image.js";
export type * from "./check/check-report.js";
export { compactImage } from "./compact/compact-image.js";
export type * from "./compact/compact-report.js";
export {
  defaultImageConfig,
  formatImageConfig,
  type ImageConfig,
  parseImageConfig,
} from "./config/image-config.js";
export { createImage } from "./create/create-image.js";
export type * from "./create/create-options.js";
export { type DecodeOptions, decodeToRaw } from "./decode/decode-to-raw.js";
export { type DiscardedZeroes, discardZeroes } from "./discard/discard-zeroes.js";
export { type EncodeOptions, encodeRaw } from "./encode/encode-raw.js";
export { type EncodeStreamOptions, encodeStream } from "./encode-stream/encode-stream.js";
export type { LeftOut } from "./encode-stream/scan-raw.js";
export * from "./engine-error.js";
export { type Extent, type ExtentBatch, ExtentFlag } from "./extent.js";
export type * from "./image-metadata.js";
export type * from "./observer.js";
export type * from "./open-image-options.js";
export {
  CHAIN_DEPTH_MAX,
  METADATA_CACHE_BYTES_DEFAULT,
  type OpenedReference,
  type OpenOptions,
  type Reference,
  type ReferenceOpener,
} from "./open-options.js";
export { Qcow2Image, type ResizeOptions, type WriteZeroesOptions } from "./qcow2-image.js";
export { type GuestRange, type LayerInfo, Qcow2Reader } from "./qcow2-reader.js";
export type { ChunkOptions } from "./read/chunks.js";
export { type ChainLink, readChain } from "./read-chain.js";
export type { HeadOptions } from "./read-head.js";
export { readMetadata } from "./read-metadata.js";
export type { RecyclingStatistics } from "./recycle/statistics.js";
export { repairImage } from "./repair/repair-image.js";
export type * from "./repair/repair-report.js";
export type { SpillOpener } from "./spill/spill.js";
export {
  type DecodeStreamOptions,
  decodeStream,
  decodeStreamInOrder,
  type PlaceStreamOptions,
  type StreamHead,
} from "./stream-decode/decode-stream.js";
export type { ChunkTaker } from "./stream-decode/ordered-target.js";
export type { DecodedStream } from "./stream-decode/stream-decoder.js";
