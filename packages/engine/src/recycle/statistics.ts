// The numbers of an image whose free space is recycled, in bytes: what metrics show. Owns the shape and its filling.

import type { ClusterStates } from "./cluster-states.js";

export interface RecyclingStatistics {
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
  states: ClusterStates,
  clusterSize: number,
  guest: GuestTotals,
): RecyclingStatistics {
  const copies =
    states.count("copying") + states.count("copied") + states.count("flushed") + states.count("referenced");
  return {
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
    readTotal: guest.read,
    writtenTotal: guest.written,
    discardedTotal: guest.discarded,
  };
}
