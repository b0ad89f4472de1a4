// Where everything lies in an image that is sent from its first byte to its last: header, refcount table, refcount blocks,
// L1 table, the L2 tables that are needed, clusters that are stored as they are, compressed ones. Pure.

import { L1_TABLE_BYTES_MAX } from "@qcow/format";
import { type Layout, settleLayout } from "../create/plan-create.js";
import { planHead } from "../create/plan-head.js";
import type { SettledOptions } from "../create/settle-options.js";
import { EngineError } from "../engine-error.js";
import type { StreamContents } from "./contents.js";

export interface StreamPlan {
  readonly options: SettledOptions;
  readonly clusterSize: number;
  readonly entryBytes: 8 | 16;
  /** Entries of one L2 table. */
  readonly l2Entries: number;
  readonly l1Entries: number;
  /** L1 indices whose tables are there, in order. */
  readonly tables: readonly number[];
  /** Numbers of clusters. */
  readonly layout: Layout;
  /** The first bytes of the first cluster; its rest is zero. */
  readonly head: Uint8Array;
  /** Offsets in the file, in bytes. */
  readonly refcountBlocks: number;
  readonly l2: number;
  readonly plain: number;
  readonly packed: number;
  readonly length: number;
}

/** @throws EngineError `QCOW2_BAD_OPTION` when the disk is too large for its clusters. */
export function planStream(options: SettledOptions, { record, packedBytes }: StreamContents): StreamPlan {
  const clusterSize = 2 ** options.clusterBits;
  const entryBytes = options.extendedL2 ? 16 : 8;
  const l2Entries = clusterSize / entryBytes;
  const l1Entries = Math.max(1, Math.ceil(options.size / clusterSize / l2Entries));
  if (l1Entries * 8 > L1_TABLE_BYTES_MAX) {
    const message = `a disk of ${options.size} bytes is too large for clusters of ${clusterSize} bytes: the L1 table would exceed its limit`;
    throw new EngineError("QCOW2_BAD_OPTION", message);
  }
  const tables: number[] = [];
  for (let index = 0; index < l1Entries; index++)
    if (record.hasAny(index * l2Entries, l2Entries)) tables.push(index);
  const layout = settleLayout(options, {
    l1: Math.ceil((l1Entries * 8) / clusterSize),
    l2: tables.length,
    data: record.plainCount + Math.ceil(packedBytes / clusterSize),
  });
  const refcountBlocks = (1 + layout.refcountTable) * clusterSize;
  const l1 = refcountBlocks + layout.refcountBlocks * clusterSize;
  const l2 = l1 + layout.l1 * clusterSize;
  const plain = l2 + layout.l2 * clusterSize;
  const { head } = planHead(options, {
    l1Size: l1Entries,
    l1TableOffset: BigInt(l1),
    refcountTableOffset: BigInt(clusterSize),
    refcountTableClusters: layout.refcountTable,
  });
  return {
    options,
    clusterSize,
    entryBytes,
    l2Entries,
    l1Entries,
    tables,
    layout,
    head,
    refcountBlocks,
    l2,
    plain,
    packed: plain + record.plainCount * clusterSize,
    length: layout.total * clusterSize,
  };
}
