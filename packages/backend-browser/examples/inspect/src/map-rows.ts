// The map of a disk as rows of text. Owns the columns and how many rows are made: a disk can have millions.

import type { IoOptions } from "@qcow/block";
import type { Extent, Qcow2Reader } from "@qcow/engine";
import { printable } from "@qcow/format";
import { hexText, sizeText } from "./numbers.js";

/** More are of no use to a reader, and slow for the browser. */
const ROWS_MAX = 500;

export interface MapRows {
  readonly rows: readonly (readonly string[])[];
  /** Whether the disk goes on after the last row. */
  readonly isCut: boolean;
}

export async function mapRows(reader: Qcow2Reader, options: IoOptions = {}): Promise<MapRows> {
  const rows: string[][] = [];
  for await (const extent of reader.map({}, options)) {
    if (rows.length === ROWS_MAX) return { rows, isCut: true };
    rows.push(rowOf(extent, reader));
  }
  return { rows, isCut: false };
}

function rowOf(extent: Extent, { layers }: Qcow2Reader): string[] {
  const file = extent.present ? printable(layers[extent.depth]?.dataLabel ?? "") : "";
  const place = extent.offset === undefined ? "" : hexText(extent.offset);
  return [hexText(extent.start), sizeText(extent.length), contentsOf(extent), place, file];
}

function contentsOf({ present, zero, compressed }: Extent): string {
  if (!present) return "nothing stored: zeros";
  if (zero) return "zeros";
  return compressed ? "data, compressed" : "data";
}
