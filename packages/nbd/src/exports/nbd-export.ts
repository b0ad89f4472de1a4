// What a server needs to know of a disk that it exports. Owns the contract only: image-export.ts fulfils it for images.

import type { IoOptions } from "@qcow/block";
import type { StatusList } from "./status-list.js";

/** The context that says where there are holes and zeros; bits of `AllocationFlag`. */
export const BASE_ALLOCATION = "base:allocation";

/** Flags of `base:allocation` (protocol: "`base:allocation` metadata context"). */
export const AllocationFlag = { hole: 1, zero: 2 } as const;

export interface StatusOptions extends IoOptions {
  /** After how many extents it is enough; at least one is given. */
  readonly extentsMax: number;
}

export interface ZeroesOptions extends IoOptions {
  /** Whether the range may become a hole. */
  readonly mayUnmap: boolean;
}

/**
 * A disk that clients may read, and write if it has write members. Offsets and lengths are bytes, and ranges lie within
 * the disk. Operations run at once, overlapping or not; all connections share one export. What an operation rejects with
 * is told to the client as an error number (`errorNumberOf`).
 */
export interface NbdExport {
  /** Length in bytes. */
  readonly size: number;
  /** For people. */
  readonly description?: string | undefined;
  /** Requests of this size, aligned to it, do well; a power of 2 of at least 512. */
  readonly preferredBytes: number;
  /** Whether what one connection flushed is there for all. */
  readonly multiConnection: boolean;
  /** The metadata contexts that `blockStatus` knows. With `base:allocation`, reads of zeros cost no traffic. */
  readonly contexts: readonly string[];

  /** Fills `target` with the bytes from `offset` on. */
  read(offset: number, target: Uint8Array, options: IoOptions): Promise<void>;
  /**
   * The same if nothing has to be waited for, and whether that is so; if not, `read` is asked. Absent where that is never so.
   */
  readNow?(offset: number, target: Uint8Array): boolean;
  /** Appends what `context` says of the range to `list`, from its start on, until its end or `extentsMax`. */
  blockStatus(
    context: string,
    range: { readonly offset: number; readonly length: number },
    list: StatusList,
    options: StatusOptions,
  ): Promise<void>;
  /** Makes later reads of the range faster, as far as it can. */
  cache?(offset: number, length: number, options: IoOptions): Promise<void>;

  /** Writes `source` at `offset`; an export without this member is read-only. */
  write?(offset: number, source: Uint8Array, options: IoOptions): Promise<void>;
  /** Resolves once everything that was acknowledged before the call is durable. */
  flush?(options: IoOptions): Promise<void>;
  /** Makes the range read as zero. */
  writeZeroes?(offset: number, length: number, options: ZeroesOptions): Promise<void>;
  /** Whether `writeZeroes` of that range takes less than writing would. Absent: nobody can tell. */
  zeroesFast?(offset: number, length: number): boolean;
  /** Gives the range up. */
  trim?(offset: number, length: number, options: IoOptions): Promise<void>;
}
