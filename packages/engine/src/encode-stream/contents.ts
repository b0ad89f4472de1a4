// What an image will hold, once that is known: which clusters are stored, and their bytes in the order of the file. Owns
// the contract between those who find out (scan, spool) and those who send.

import type { ClusterRecord } from "./stored-clusters.js";

export interface StreamContents {
  /** Length of the raw disk in bytes. */
  readonly size: number;
  readonly record: ClusterRecord;
  /** Bytes that the compressed clusters take as they are packed. */
  readonly packedBytes: number;
  /** The clusters that are stored as they are, in the order of the disk, then the compressed ones, packed. */
  chunks(): AsyncIterable<Uint8Array>;
}
