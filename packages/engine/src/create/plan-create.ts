// What a new image consists of, as data: the header, and where each table lies and with what it is filled. Pure; the
// tables themselves, which may be gigabytes, are made piece by piece by fill-table.ts.
//
// The file's order: header, refcount table, refcount blocks, L1 table, L2 tables, data clusters. All of it is in
// use, so every refcount up to the end is 1.

import { L1_TABLE_BYTES_MAX, REFCOUNT_TABLE_BYTES_MAX } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { type HeadPlan, planHead } from "./plan-head.js";
import type { SettledOptions } from "./settle-options.js";

/** A table that names clusters, one after the other. */
export interface PointerTable {
  readonly kind: "pointers";
  readonly offset: number;
  /** Whole clusters, in bytes. */
  readonly length: number;
  /** How many entries name a cluster; the rest is zero. */
  readonly entries: number;
  /** 16 with extended L2 entries, whose bitmap stays zero: the cluster has a place, and nothing in it. */
  readonly entryBytes: 8 | 16;
  /** What the first entry names, in bytes; each further one names the next cluster. */
  readonly firstTarget: number;
  readonly clusterSize: number;
  /** Whether entries say that the refcount is 1. */
  readonly copied: boolean;
}

/** Refcount blocks, one after the other. */
export interface RefcountBlocks {
  readonly kind: "refcounts";
  readonly offset: number;
  readonly length: number;
  /** How many refcounts are 1; the rest is zero. */
  readonly entries: number;
  readonly refcountBits: number;
}

export type TablePlan = PointerTable | RefcountBlocks;

export interface CreatePlan extends HeadPlan {
  readonly clusterSize: number;
  /** In the order of the file, without gaps, from the second cluster on. */
  readonly tables: readonly TablePlan[];
  /** The guest's clusters that have a place in this file: after the tables, up to its end. */
  readonly data: { readonly offset: number; readonly length: number };
  /** Length of the whole file: whole clusters. */
  readonly fileLength: number;
}

/** Numbers of clusters. */
export interface Layout {
  readonly refcountTable: number;
  readonly refcountBlocks: number;
  readonly l1: number;
  readonly l2: number;
  readonly data: number;
  readonly total: number;
}

/**
 * Lays out an image.
 *
 * @throws EngineError `QCOW2_BAD_OPTION` when the disk is too large for its clusters (an L1 table has at most 32 MiB, a
 * refcount table 8 MiB), or the first cluster too small for the names.
 */
export function planCreate(options: SettledOptions): CreatePlan {
  const clusterSize = 2 ** options.clusterBits;
  const guestClusters = Math.ceil(options.size / clusterSize);
  const l2Tables = Math.ceil(guestClusters / (clusterSize / entryBytesOf(options)));
  // A disk of no size has a table too, so that its header names a place that is one.
  const l1Entries = Math.max(1, l2Tables);
  if (l1Entries * 8 > L1_TABLE_BYTES_MAX) throw tooLarge(options, "the L1 table");
  const mapped = options.preallocation === "off" ? 0 : guestClusters;
  const layout = settleLayout(options, {
    l1: Math.ceil((l1Entries * 8) / clusterSize),
    l2: mapped === 0 ? 0 : l2Tables,
    data: options.dataFile === undefined ? mapped : 0,
  });
  const tables = planTables(options, layout, mapped);
  const [refcountTable, , l1] = tables;
  const dataLength = layout.data * clusterSize;
  const fileLength = layout.total * clusterSize;
  return {
    ...planHead(options, {
      l1Size: l1Entries,
      l1TableOffset: BigInt(l1.offset),
      refcountTableOffset: BigInt(refcountTable.offset),
      refcountTableClusters: layout.refcountTable,
    }),
    clusterSize,
    tables,
    data: { offset: fileLength - dataLength, length: dataLength },
    fileLength,
  };
}

/** The tables in the order of the file; the L2 tables map `mapped` clusters of the guest. */
function planTables(
  options: SettledOptions,
  layout: Layout,
  mapped: number,
): [PointerTable, RefcountBlocks, PointerTable, PointerTable] {
  const clusterSize = 2 ** options.clusterBits;
  let end = clusterSize;
  const place = (clusters: number): { offset: number; length: number } => {
    const offset = end;
    end += clusters * clusterSize;
    return { offset, length: end - offset };
  };
  const refcountTable = place(layout.refcountTable);
  const refcountBlocks = place(layout.refcountBlocks);
  const l1 = place(layout.l1);
  const l2 = place(layout.l2);
  const pointers = { kind: "pointers", clusterSize } as const;
  return [
    {
      ...pointers,
      ...refcountTable,
      entries: layout.refcountBlocks,
      entryBytes: 8,
      firstTarget: refcountBlocks.offset,
      copied: false,
    },
    {
      kind: "refcounts",
      ...refcountBlocks,
      entries: layout.total,
      refcountBits: 2 ** options.refcountOrder,
    },
    { ...pointers, ...l1, entries: layout.l2, entryBytes: 8, firstTarget: l2.offset, copied: true },
    {
      ...pointers,
      ...l2,
      entries: mapped,
      entryBytes: entryBytesOf(options),
      // In a data file the guest's clusters lie where the guest sees them.
      firstTarget: options.dataFile === undefined ? end : 0,
      copied: true,
    },
  ];
}

function entryBytesOf({ extendedL2 }: SettledOptions): 8 | 16 {
  return extendedL2 ? 16 : 8;
}

/** Refcount blocks and table count themselves too: both grow until they suffice. */
export function settleLayout(options: SettledOptions, parts: Pick<Layout, "l1" | "l2" | "data">): Layout {
  const clusterSize = 2 ** options.clusterBits;
  const blockEntries = 2 ** (options.clusterBits + 3 - options.refcountOrder);
  const rest = 1 + parts.l1 + parts.l2 + parts.data;
  let refcountTable = 1;
  let refcountBlocks = 1;
  for (;;) {
    const total = rest + refcountTable + refcountBlocks;
    const blocksNeeded = Math.ceil(total / blockEntries);
    const tableNeeded = Math.ceil((blocksNeeded * 8) / clusterSize);
    if (tableNeeded * clusterSize > REFCOUNT_TABLE_BYTES_MAX) throw tooLarge(options, "the refcount table");
    if (!Number.isSafeInteger(total * clusterSize)) throw tooLarge(options, "the file");
    if (blocksNeeded === refcountBlocks && tableNeeded === refcountTable) {
      return { ...parts, refcountTable, refcountBlocks, total };
    }
    refcountBlocks = blocksNeeded;
    refcountTable = tableNeeded;
  }
}

function tooLarge({ size, clusterBits }: SettledOptions, what: string): EngineError {
  const message = `a disk of ${size} bytes is too large for clusters of ${2 ** clusterBits} bytes: ${what} would exceed its limit`;
  return new EngineError("QCOW2_BAD_OPTION", message);
}
