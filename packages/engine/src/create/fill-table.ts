// The bytes of a new image's tables, made piece by piece from their plan. Pure; knows no order of writing.

import { putL2Entry, setRefcountAt } from "@qcow/format";
import type { PointerTable, RefcountBlocks, TablePlan } from "./plan-create.js";

const SECTOR_BYTES = 512;

/** How many bytes of the table, from its start, may be other than zero: whole sectors. */
export function filledBytes(table: TablePlan): number {
  const bits = table.kind === "pointers" ? table.entryBytes * 8 : table.refcountBits;
  const sectors = Math.ceil((table.entries * bits) / (SECTOR_BYTES * 8));
  return Math.min(table.length, sectors * SECTOR_BYTES);
}

/** Fills `piece` with the bytes of the table from `start` on; both are whole sectors within it. */
export function fillTable(table: TablePlan, start: number, piece: Uint8Array): void {
  piece.fill(0);
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  if (table.kind === "pointers") fillPointers(table, start, view);
  else fillRefcounts(table, start, piece, view);
}

function fillPointers(table: PointerTable, start: number, piece: DataView): void {
  const { entryBytes, clusterSize, copied } = table;
  const first = start / entryBytes;
  const count = Math.min(table.entries - first, piece.byteLength / entryBytes);
  let target = table.firstTarget + first * clusterSize;
  for (let index = 0; index < count; index++, target += clusterSize) {
    // Entries of all tables are alike in this: an offset, and bit 63 for COPIED.
    putL2Entry(piece, index * entryBytes, target, copied, false);
  }
}

function fillRefcounts(table: RefcountBlocks, start: number, bytes: Uint8Array, piece: DataView): void {
  const { refcountBits } = table;
  const perPiece = (piece.byteLength * 8) / refcountBits;
  const count = Math.min(table.entries - (start * 8) / refcountBits, perPiece);
  if (refcountBits >= 8) {
    const width = refcountBits / 8;
    for (let index = 0; index < count; index++) bytes[(index + 1) * width - 1] = 1;
    return;
  }
  const wholeBytes = Math.floor((count * refcountBits) / 8);
  // Ones in each field of a byte: 0xff, 0x55, 0x11.
  bytes.fill(0xff / (2 ** refcountBits - 1), 0, wholeBytes);
  for (let index = (wholeBytes * 8) / refcountBits; index < count; index++)
    setRefcountAt(piece, index, refcountBits, 1);
}
