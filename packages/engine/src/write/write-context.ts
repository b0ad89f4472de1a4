// What the operations that change a disk work with. Owns the shape only.

import type { BlockBackend, CompressionBackend, IoOptions } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import type { Allocator } from "../allocate/allocator.js";
import type { CompressedSpace } from "../allocate/compressed-space.js";
import type { PendingFrees } from "../allocate/pending-frees.js";
import type { Committer } from "../commit/committer.js";
import type { Observer } from "../observer.js";
import type { ActiveTables } from "../tables/active-tables.js";
import type { RangeLocks } from "./range-locks.js";

export interface WriteContext {
  readonly label: string;
  readonly geometry: Geometry;
  readonly tables: ActiveTables;
  readonly allocator: Allocator;
  readonly compressedSpace: CompressedSpace;
  readonly pending: PendingFrees;
  readonly committer: Committer;
  readonly locks: RangeLocks;
  /** Where plain guest data lies: the image file, or its data file. */
  readonly dataBackend: BlockBackend;
  /** Whether what was discarded becomes holes in that. */
  readonly punchHoles: boolean;
  /** Length in bytes of the disk below, which shows where this one has nothing; 0 without one. */
  readonly belowSize: number;
  readonly compression: CompressionBackend | undefined;
  readonly observer: Observer | undefined;
  /** Fills `target` with what the disk reads as, without locking anything. */
  readonly readUnlocked: (offset: number, target: Uint8Array, options: IoOptions) => Promise<void>;
}

/** Whether guest cluster at `guest` reads as zero where this disk has nothing. */
export function isEmptyBelow(context: WriteContext, guest: number): boolean {
  return guest >= context.belowSize;
}
