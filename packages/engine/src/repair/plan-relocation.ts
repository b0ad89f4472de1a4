// Finds tables that share a cluster with something else and can be given one of their own. Pure.

import { activeL1, type ImageScan } from "../check/scan-image.js";

/** Most L2 tables that are moved at once. */
const L2_TABLES_MAX = 1024;

export interface Relocation {
  /** Whether the active L1 table moves. */
  readonly l1: boolean;
  /** Offsets in bytes of the L2 tables that move. */
  readonly l2: readonly number[];
}

/**
 * The active L1 table and L2 tables of the active disk alone. A table is copied and the copy is named instead; what it
 * shared the cluster with stays as it is, and reads the same.
 */
export function planRelocation(scan: ImageScan): Relocation {
  const { tables, references } = scan;
  const shared = tables.offsets().filter((offset) => {
    const { active, total } = tables.use(offset);
    return active === total && references.countAt(offset) > total;
  });
  return { l1: sharesL1(scan), l2: [...shared.subarray(0, L2_TABLES_MAX)] };
}

function sharesL1({ head, references }: ImageScan): boolean {
  const { offset, size } = activeL1(head);
  const end = offset + size * 8;
  if (end > references.clusterCount * references.clusterSize) return false;
  for (let at = offset; at < end; at += references.clusterSize) if (references.countAt(at) > 1) return true;
  return false;
}
