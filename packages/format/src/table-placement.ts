// Owns the rule that every table shares: its size has a limit, it starts on a cluster, it ends below 2^63.
// Does not know the file's length: a table past its end is for the reader to judge.

import { FormatError, type FormatErrorPlace } from "./errors.js";
import { INT64_MAX } from "./limits.js";
import { hexadecimal } from "./printable.js";

/** A table that a structure points to. */
export interface TablePlacement {
  /** What the table is called in messages, e.g. `L1 table`. */
  readonly table: string;
  /** Where it starts in the file, in bytes. */
  readonly offset: bigint;
  readonly entries: number;
  /** Bytes of one entry; of the smallest where they vary. */
  readonly entryBytes: number;
  /** Most bytes it may have. */
  readonly bytesMax: number;
  readonly clusterSize: number;
}

/** The fields that gave offset and number of entries, for the error. */
export interface TablePlacementFields {
  readonly offset: FormatErrorPlace;
  readonly entries: FormatErrorPlace;
}

/**
 * @throws FormatError `QCOW2_LIMIT_EXCEEDED` for a table that is too large, `QCOW2_INVALID_FIELD` for an offset that is
 * not a multiple of the cluster size or with which the table would end past 2^63 - 1.
 */
export function checkTablePlacement(placement: TablePlacement, fields: TablePlacementFields): void {
  const { table, offset, entries, entryBytes, bytesMax, clusterSize } = placement;
  if (entries > Math.floor(bytesMax / entryBytes)) {
    const problem = `${table} has ${entries} entries of ${entryBytes} bytes, at most ${bytesMax} bytes are allowed`;
    throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, fields.entries);
  }
  if (offset % BigInt(clusterSize) !== 0n) {
    const problem = `${table} is at offset ${hexadecimal(offset)}, no multiple of the cluster size ${clusterSize}`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, fields.offset);
  }
  if (offset + BigInt(entries * entryBytes) > INT64_MAX) {
    const problem = `${table} at offset ${hexadecimal(offset)} would end past 2^63 - 1`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, fields.offset);
  }
}
