// One disk of a chain: the image itself, or a backing file. Owns the contract; qcow2-layer.ts and
// raw-layer.ts implement it.

import type { CompressionMethod, IoOptions } from "@qcow/block";
import type { RunList } from "../mapping/run-list.js";
import type { LayerFile } from "./layer-file.js";

/** A part of a disk to map. */
export interface MapRequest {
  /** Guest offsets in bytes; not empty. */
  readonly start: number;
  readonly end: number;
  /** The depth that the runs get. */
  readonly depth: number;
  /** About how many runs to append at most, 1 or more. */
  readonly runsMax: number;
}

/** What `Layer.placeNow` says where it gives no host offset. */
export const Place = {
  /** Nothing here: the layer below answers, or it is zeros. */
  below: -1,
  /** To be mapped: what is needed for that is not in memory, or it is no single piece of plain data. */
  unknown: -2,
} as const;

export interface Layer {
  /** Label of the file. */
  readonly label: string;
  readonly format: "qcow2" | "raw";
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Unit of compression in bytes; a compressed run lies within one such unit of the guest's disk. */
  readonly clusterSize: number;
  /** Whether stored contents are encrypted, so that a host offset says nothing. */
  readonly encrypted: boolean;

  /**
   * Appends runs that cover what `request` asks for, from its start on without gaps. May stop early; returns the
   * guest offset reached, past the start.
   */
  map(runs: RunList, request: MapRequest, options: IoOptions): Promise<number>;

  /**
   * The host offset in `openedDataFile` of the guest's bytes `[start, end)`, one at least, if that can be told without waiting; else
   * a `Place`.
   */
  placeNow(start: number, end: number): number;

  /** The file that plain data runs lie in. Opened on first use. */
  dataFile(options: IoOptions): Promise<LayerFile>;
  /** The same file if it is open. */
  readonly openedDataFile: LayerFile | undefined;
  /** What the file is called that plain data runs lie in, open or not. */
  readonly dataLabel: string;
  /** The file that compressed runs lie in. */
  readonly imageFile: LayerFile;
  readonly compressionMethod: CompressionMethod;
  /** Releases what the layer opened. */
  close(): Promise<void>;
}
