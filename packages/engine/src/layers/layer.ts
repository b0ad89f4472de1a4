// One disk of a chain: the image itself, or a backing file. Owns the contract; qcow2-layer.ts and
// raw-layer.ts implement it.

import type { CompressionMethod, IoOptions } from "@qcow/block";
import type { RunList } from "../mapping/run-list.js";
import type { LayerFile } from "./layer-file.js";

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
   * Appends runs that cover `[start, end)` of the disk from `start` on without gaps, with depth `depth`.
   * May stop early, after about `runsMax` runs; returns the guest offset reached, past `start`.
   */
  map(
    runs: RunList,
    start: number,
    end: number,
    depth: number,
    runsMax: number,
    options: IoOptions,
  ): Promise<number>;

  /** The file that plain data runs lie in. Opened on first use. */
  dataFile(options: IoOptions): Promise<LayerFile>;
  /** The file that compressed runs lie in. */
  readonly imageFile: LayerFile;
  readonly compressionMethod: CompressionMethod;
  /** Releases what the layer opened. */
  close(): Promise<void>;
}
