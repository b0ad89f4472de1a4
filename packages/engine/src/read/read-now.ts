// The short way of a short read: its tables and its contents are in memory, and it is plain data of one cluster, or nothing at
// all. Owns that whatever is not so simple is left to plan-read.ts and execute-read.ts, errors included.

import { type Layer, Place } from "../layers/layer.js";
import type { Observer } from "../observer.js";

/** Fills `target`, which is not empty, with the disk's bytes from `offset` on, and says whether that could be done at once. */
export function readNow(
  layers: readonly Layer[],
  offset: number,
  target: Uint8Array,
  observer: Observer | undefined,
): boolean {
  const length = target.byteLength;
  for (const layer of layers) {
    const place = layer.placeNow(offset, offset + length);
    if (place === Place.below) continue;
    if (place === Place.unknown || layer.openedDataFile?.readNow(place, target) !== true) return false;
    observer?.hostRead?.({ offset: place, length, purpose: "contents" });
    return true;
  }
  target.fill(0);
  return true;
}
