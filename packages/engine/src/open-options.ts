// What a caller may say when opening an image. Owns the shapes and defaults.

import type { CompressionBackend, IoOptions, ReadableBlockBackend, TimeBackend } from "@qcow/block";
import type { Observer } from "./observer.js";

/** A file that an image names: its backing file, or its external data file. */
export interface Reference {
  readonly kind: "backing" | "data";
  /** The name as the image has it. It comes from the image and is not to be trusted. */
  readonly name: string;
  /** Format the image recorded for its backing file (`qcow2`, `raw`, …); absent when it recorded none. */
  readonly format?: string | undefined;
  /** Label of the image that holds the name: relative names are relative to it. */
  readonly from: string;
}

/** A referenced file, opened. */
export interface OpenedReference {
  readonly backend: ReadableBlockBackend;
  /** The format, where the name itself tells it (`json:`); wins over the recorded one. */
  readonly format?: string | undefined;
  /** Whether a file whose format is unrecorded, and was found to be qcow2, may name files in turn. */
  readonly trusted?: boolean | undefined;
}

/** Opens what an image names, or rejects; the place for a policy. Never called by `readMetadata` and `checkImage`. */
export type ReferenceOpener = (reference: Reference, options: IoOptions) => Promise<OpenedReference>;

export interface OpenOptions extends IoOptions {
  /** Needed to read compressed clusters. */
  readonly compression?: CompressionBackend | undefined;
  /** Needed when the image has a backing file or an external data file; without it such an image is refused. */
  readonly openReference?: ReferenceOpener | undefined;
  /** Id or name of an internal snapshot to read instead of the active disk. */
  readonly snapshot?: string | undefined;
  /** Most bytes of L2 tables kept in memory, over all layers; default 32 MiB, at least one table for each layer. */
  readonly metadataCacheBytes?: number | undefined;
  /** Most bytes of compressed clusters kept decompressed, of which somebody read a part; default 16 MiB. Not for images that are written to. */
  readonly clusterCacheBytes?: number | undefined;
  readonly observer?: Observer | undefined;
  /** The clock of `observer.guestOperation`; that of the background and of `observer.slowIo` too, of images open for writing. */
  readonly time?: TimeBackend | undefined;
}

export const METADATA_CACHE_BYTES_DEFAULT = 32 * 1024 * 1024;

export const CLUSTER_CACHE_BYTES_DEFAULT = 16 * 1024 * 1024;

/** Longest chain of backing files that is followed. */
export const CHAIN_DEPTH_MAX = 200;
