// What a caller may say when making an image. Owns the shapes; settle-options.ts says which of them go together.

import type { BlockBackend, LongOptions } from "@qcow/block";
import type { CompressionMethod } from "@qcow/format";

/**
 * How much of the disk has its place from the start. `off`: nothing. `metadata`: every cluster is mapped, the file
 * keeps holes. `falloc`: and the host has reserved space for it. `full`: and zeros are written.
 */
export type Preallocation = "off" | "metadata" | "falloc" | "full";

export interface CreateOptions extends LongOptions {
  /** Length of the disk in bytes, rounded up to whole sectors of 512. */
  readonly size: number;
  /** Bytes, a power of 2 from 512 to 2 MiB; 64 KiB by default. */
  readonly clusterSize?: number | undefined;
  /** 3 by default. Version 2 has 16-bit refcounts, deflate, and none of the options below but a backing file and preallocation. */
  readonly version?: 2 | 3 | undefined;
  /** Width of a refcount: a power of 2 from 1 to 64; 16 by default. */
  readonly refcountBits?: number | undefined;
  /** L2 entries with a bitmap of 32 subclusters; for clusters of 16 KiB and more. */
  readonly extendedL2?: boolean | undefined;
  /** Whether writers may postpone refcounts under the dirty bit; `true` by default in version 3. */
  readonly lazyRefcounts?: boolean | undefined;
  /** How compressed clusters will be compressed; `deflate` by default. */
  readonly compressionMethod?: CompressionMethod | undefined;
  /**
   * What the disk reads as where nothing was written. The name, up to 1023 bytes, is recorded as it is, and not
   * opened; without a format, readers guess one. Goes with preallocation only where `extendedL2` is set.
   */
  readonly backingFile?: { readonly name: string; readonly format?: string | undefined } | undefined;
  /**
   * Keeps the guest's data in a file of its own, whose old contents are lost. `raw`: that file is to be a valid raw
   * image by itself, which implies `metadata` and excludes a backing file. The backend stays the caller's.
   */
  readonly dataFile?:
    | { readonly name: string; readonly raw?: boolean | undefined; readonly backend: BlockBackend }
    | undefined;
  /** `off` by default. */
  readonly preallocation?: Preallocation | undefined;
}
