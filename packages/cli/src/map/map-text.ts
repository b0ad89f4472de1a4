// `map` for people: the table of `qemu-img map`. Owns columns and rows; only ranges with stored contents
// have one.

import type { ExtentBatch, LayerInfo } from "@qcow/engine";
import { ExtentFlag } from "@qcow/engine";
import { printable } from "@qcow/format";

const COLUMN = 16;

export const MAP_HEADING = `${["Offset", "Length", "Mapped to"].map((name) => name.padEnd(COLUMN)).join("")}File`;

/** The rows of a batch. Where nothing plain is stored (compressed clusters), the place is given in words. */
export function mapRows(batch: ExtentBatch, layers: readonly LayerInfo[]): string[] {
  const rows: string[] = [];
  for (let index = 0; index < batch.count; index++) {
    const flags = batch.flags[index] as number;
    if ((flags & ExtentFlag.data) === 0 || (flags & ExtentFlag.zero) !== 0) continue;
    const file = layers[batch.depth[index] as number]?.dataLabel ?? "";
    const columns = [
      hex(batch.start[index] as number),
      hex(batch.length[index] as number),
      place(batch, index, flags),
    ];
    rows.push(`${columns.map((text) => text.padEnd(COLUMN)).join("")}${printable(file)}`);
  }
  return rows;
}

function place(batch: ExtentBatch, index: number, flags: number): string {
  if ((flags & ExtentFlag.hasOffset) !== 0) return hex(batch.offset[index] as number);
  return (flags & ExtentFlag.compressed) !== 0 ? "compressed" : "encrypted";
}

function hex(value: number): string {
  return value === 0 ? "0" : `0x${value.toString(16)}`;
}
