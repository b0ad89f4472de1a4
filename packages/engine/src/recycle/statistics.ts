// The numbers of an image whose free space is recycled, in bytes: what metrics show. Owns the shape and its filling.

import type { Recycler } from "./recycler.js";

export interface RecyclingStatistics {
  readonly clusterSize: number;
  /** In use now, tables included. */
  readonly used: number;
  /** Free now: as it was left, erased, and erased for good. */
  readonly junk: number;
  readonly erased: number;
  readonly available: number;
  /** Length of the file. */
  readonly fileSize: number;
  /** Over all, since the image was opened: what has come into each of these states. */
  readonly junkTotal: number;
  readonly erasedTotal: number;
  readonly availableTotal: number;
  readonly copiedTotal: number;
  readonly flushedTotal: number;
  readonly referencedTotal: number;
  /** Over all: what was taken to hold something, or to be erased. */
  readonly takenTotal: number;
  /** Over all: what was to be moved, and what of that was not, because the guest wrote there or gave it up. */
  readonly movesTotal: number;
  readonly cancelledMovesTotal: number;
  /** How often clusters were moved so that the file could become shorter. Not in bytes. */
  readonly compactions: number;
  /** Guest bytes since the image was opened. */
  readonly readTotal: number;
  readonly writtenTotal: number;
  readonly discardedTotal: number;
}

/** Guest bytes, over all. */
export interface GuestTotals {
  read: number;
  written: number;
  discarded: number;
}

export function statisticsOf(
  { states, compactions }: Pick<Recycler, "states" | "compactions">,
  clusterSize: number,
  guest: GuestTotals,
): RecyclingStatistics {
  const copies =
    states.count("copying") + states.count("copied") + states.count("flushed") + states.count("referenced");
  return {
    clusterSize,
    used: (states.count("used") + copies) * clusterSize,
    junk: states.count("junk") * clusterSize,
    erased: states.count("erased") * clusterSize,
    available: states.count("available") * clusterSize,
    fileSize: states.clusters * clusterSize,
    junkTotal: states.total("junk") * clusterSize,
    erasedTotal: states.total("erased") * clusterSize,
    availableTotal: states.total("available") * clusterSize,
    copiedTotal: states.total("copied") * clusterSize,
    flushedTotal: states.total("flushed") * clusterSize,
    referencedTotal: states.total("referenced") * clusterSize,
    takenTotal: states.takenTotal * clusterSize,
    movesTotal: states.total("copying") * clusterSize,
    cancelledMovesTotal: states.cancelledTotal * clusterSize,
    compactions,
    readTotal: guest.read,
    writtenTotal: guest.written,
    discardedTotal: guest.discarded,
  };
}
