// L2 tables of a few entries, as bytes, for tests of plans.

import { encodeL2Entry, encodeSubclusterBitmap, type Geometry, type L2Entry } from "@qcow/format";

export interface TestEntry {
  readonly kind: L2Entry["kind"];
  /** Host offset in bytes. */
  readonly host?: number;
  readonly copied?: boolean;
  /** Of a compressed cluster, in bytes. */
  readonly length?: number;
  /** Subclusters that are allocated, and that read as zero. */
  readonly alloc?: number;
  readonly zero?: number;
}

/** A table with these entries from index 0 on. */
export function l2Table(geometry: Geometry, entries: readonly TestEntry[]): DataView {
  const view = new DataView(new ArrayBuffer(geometry.clusterSize));
  entries.forEach(({ kind, host = 0, copied = false, length = 512, alloc = 0, zero = 0 }, index) => {
    const at = index * geometry.l2EntrySize;
    const entry: L2Entry =
      kind === "compressed"
        ? { kind, hostOffset: BigInt(host), length, copied }
        : { kind, offset: BigInt(host), copied, reserved: 0n };
    view.setBigUint64(at, encodeL2Entry(entry, geometry));
    if (geometry.extendedL2) view.setBigUint64(at + 8, encodeSubclusterBitmap({ alloc, zero }));
  });
  return view;
}
