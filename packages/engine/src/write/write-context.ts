// What the operations that change a disk work with. Owns the shape, and how it is put together.

import type { BlockBackend, CompressionBackend, IoOptions } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import type { Allocator } from "../allocate/allocator.js";
import type { CompressedSpace } from "../allocate/compressed-space.js";
import type { PendingFrees } from "../allocate/pending-frees.js";
import type { Committer } from "../commit/committer.js";
import type { Chain } from "../layers/open-chain.js";
import type { Observer } from "../observer.js";
import type { OpenImageOptions } from "../open-image-options.js";
import type { Moves } from "../recycle/moves.js";
import type { ActiveTables } from "../tables/active-tables.js";
import type { ActiveDisk } from "./open-disk.js";
import { RangeLocks } from "./range-locks.js";

export interface WriteContext {
  readonly label: string;
  readonly geometry: Geometry;
  readonly tables: ActiveTables;
  readonly allocator: Allocator;
  readonly compressedSpace: CompressedSpace;
  readonly pending: PendingFrees;
  readonly committer: Committer;
  readonly locks: RangeLocks;
  /** Clusters that are being moved meanwhile; whoever writes to one in place says so. */
  readonly moves: Moves;
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

/** The context of a disk that was opened. Plain data lies in `data`, if that is there. */
export function writeContext(
  backend: BlockBackend,
  chain: Chain,
  disk: ActiveDisk,
  data: BlockBackend | undefined,
  options: OpenImageOptions,
  readUnlocked: WriteContext["readUnlocked"],
): WriteContext {
  return {
    label: backend.label,
    geometry: chain.metadata.geometry,
    tables: disk.tables,
    allocator: disk.allocator,
    compressedSpace: disk.compressedSpace,
    pending: disk.pending,
    committer: disk.committer,
    locks: new RangeLocks(),
    moves: disk.moves,
    dataBackend: data ?? backend,
    punchHoles: options.punchHoles ?? true,
    belowSize: chain.layers[1]?.virtualSize ?? 0,
    compression: options.compression,
    observer: options.observer,
    readUnlocked,
  };
}

/** Whether guest cluster at `guest` reads as zero where this disk has nothing. */
export function isEmptyBelow(context: WriteContext, guest: number): boolean {
  return guest >= context.belowSize;
}
