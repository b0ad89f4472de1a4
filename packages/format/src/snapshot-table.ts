// Owns the snapshot table: entries of varying length, one after the other (specification: "Snapshots").
// Does not check where a snapshot's L1 table lies: `checkSnapshotL1` does, for those who are about to read it.

import { ByteReader } from "./byte-reader.js";
import { ByteWriter, padTo8 } from "./byte-writer.js";
import { FormatError } from "./errors.js";
import {
  L1_TABLE_BYTES_MAX,
  SNAPSHOT_EXTRA_DATA_BYTES_MAX,
  SNAPSHOT_TABLE_BYTES_MAX,
  SNAPSHOTS_MAX,
} from "./limits.js";
import { checkTablePlacement } from "./table-placement.js";
import { decodeUtf8 } from "./utf8.js";

/** An internal snapshot. Sizes and offsets are in bytes. */
export interface Snapshot {
  readonly l1TableOffset: bigint;
  /** Entries of its L1 table. */
  readonly l1Size: number;
  /** Text of `idBytes`; what is not UTF-8 is replaced. Escape before printing. */
  readonly id: string;
  /** Text of `nameBytes`, likewise. */
  readonly name: string;
  readonly idBytes: Uint8Array;
  readonly nameBytes: Uint8Array;
  /** Seconds since 1970 and nanoseconds when it was taken. */
  readonly dateSec: number;
  readonly dateNsec: number;
  /** Guest run time in nanoseconds. */
  readonly vmClockNsec: bigint;
  /** Size of the saved VM state: the 64-bit field of the extra data where it is there, else the 32-bit one. */
  readonly vmStateSize: bigint;
  /** Virtual size when it was taken; undefined where the extra data is too short. */
  readonly diskSize: bigint | undefined;
  /** Instruction count; undefined where the extra data is too short or says none (all ones). */
  readonly icount: bigint | undefined;
  /** The whole extra data, known fields included. When encoding, the fields above win over it. */
  readonly extraData: Uint8Array;
}

/** An entry and where the next one starts, or how many bytes the entry needs from its start on. */
export type DecodedSnapshotEntry =
  | { readonly snapshot: Snapshot; readonly nextOffset: number }
  | { readonly needs: number };

const FIXED_BYTES = 40;
const ICOUNT_NONE = 2n ** 64n - 1n;

function structureOf(index: number): string {
  return `snapshot table entry ${index}`;
}

/**
 * The whole table at the start of `bytes`; `length` is in bytes, with the padding of the last entry.
 *
 * @throws FormatError `QCOW2_LIMIT_EXCEEDED` for more than 65536 entries, extra data of more than 1024 bytes or a
 * table of more than 64 MiB; `QCOW2_TRUNCATED` if `bytes` ends inside an entry.
 */
export function decodeSnapshotTable(
  bytes: Uint8Array,
  count: number,
): { snapshots: Snapshot[]; length: number } {
  checkCount(count);
  const snapshots: Snapshot[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const entry = decodeSnapshotEntry(bytes, offset, index);
    if ("needs" in entry) throw truncated(index, entry.needs, Math.max(0, bytes.length - offset));
    snapshots.push(entry.snapshot);
    offset = entry.nextOffset;
  }
  return { snapshots, length: offset };
}

/**
 * The entry at `offset` in bytes that start where the table does. If they end too early, the answer is how many bytes
 * the entry needs in total from `offset` on, as far as that can be told: ask again with that many.
 * The padding after an entry need not be there.
 *
 * @throws FormatError `QCOW2_LIMIT_EXCEEDED` for extra data of more than 1024 bytes, or once the table is larger than
 * 64 MiB.
 */
export function decodeSnapshotEntry(bytes: Uint8Array, offset: number, index: number): DecodedSnapshotEntry {
  checkTableSize(offset + FIXED_BYTES, index);
  if (bytes.length < offset + FIXED_BYTES) return { needs: FIXED_BYTES };
  const reader = new ByteReader(bytes.subarray(offset), structureOf(index));
  const extraBytes = reader.u32(36, "extra_data_size");
  if (extraBytes > SNAPSHOT_EXTRA_DATA_BYTES_MAX) {
    const place = { structure: structureOf(index), field: "extra_data_size", offset: 36 };
    const problem = `extra_data_size is ${extraBytes}, at most ${SNAPSHOT_EXTRA_DATA_BYTES_MAX} are allowed`;
    throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, place);
  }
  const needs = FIXED_BYTES + extraBytes + reader.u16(12, "id_str_size") + reader.u16(14, "name_size");
  checkTableSize(offset + needs, index);
  if (reader.length < needs) return { needs };
  return { snapshot: decodeFields(reader, extraBytes), nextOffset: offset + padTo8(needs) };
}

function checkCount(count: number): void {
  if (count <= SNAPSHOTS_MAX) return;
  const place = { structure: "snapshot table", field: "nb_snapshots" };
  throw new FormatError(
    "QCOW2_LIMIT_EXCEEDED",
    `${count} entries, at most ${SNAPSHOTS_MAX} are allowed`,
    place,
  );
}

function decodeFields(reader: ByteReader, extraBytes: number): Snapshot {
  const idBytes = reader.bytes(FIXED_BYTES + extraBytes, reader.u16(12, "id_str_size"), "id");
  const nameOffset = FIXED_BYTES + extraBytes + idBytes.length;
  const nameBytes = reader.bytes(nameOffset, reader.u16(14, "name_size"), "name");
  const extraData = reader.bytes(FIXED_BYTES, extraBytes, "extra data");
  const icount = extraBytes >= 24 ? reader.u64(FIXED_BYTES + 16, "icount") : ICOUNT_NONE;
  const has64BitState = extraBytes >= 8;
  return {
    l1TableOffset: reader.u64(0, "l1_table_offset"),
    l1Size: reader.u32(8, "l1_size"),
    id: decodeUtf8(idBytes),
    name: decodeUtf8(nameBytes),
    idBytes,
    nameBytes,
    dateSec: reader.u32(16, "date_sec"),
    dateNsec: reader.u32(20, "date_nsec"),
    vmClockNsec: reader.u64(24, "vm_clock_nsec"),
    vmStateSize: has64BitState
      ? reader.u64(FIXED_BYTES, "vm_state_size")
      : BigInt(reader.u32(32, "vm_state_size")),
    diskSize: extraBytes >= 16 ? reader.u64(FIXED_BYTES + 8, "disk_size") : undefined,
    icount: icount === ICOUNT_NONE ? undefined : icount,
    extraData,
  };
}

function checkTableSize(bytes: number, index: number): void {
  if (bytes <= SNAPSHOT_TABLE_BYTES_MAX) return;
  const problem = `the table would have ${bytes} bytes, at most ${SNAPSHOT_TABLE_BYTES_MAX} are allowed`;
  throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, { structure: structureOf(index), offset: 0 });
}

function truncated(index: number, needs: number, there: number): FormatError {
  const problem = `the entry needs ${needs} bytes, only ${there} are there`;
  return new FormatError("QCOW2_TRUNCATED", problem, { structure: structureOf(index), offset: there });
}

/**
 * Checks a snapshot's L1 table as `checkHeader` does the active one.
 *
 * @throws FormatError `QCOW2_LIMIT_EXCEEDED` or `QCOW2_INVALID_FIELD`.
 */
export function checkSnapshotL1(snapshot: Snapshot, clusterSize: number, index: number): void {
  const structure = structureOf(index);
  checkTablePlacement(
    {
      table: "L1 table",
      offset: snapshot.l1TableOffset,
      entries: snapshot.l1Size,
      entryBytes: 8,
      bytesMax: L1_TABLE_BYTES_MAX,
      clusterSize,
    },
    {
      offset: { structure, field: "l1_table_offset", offset: 0 },
      entries: { structure, field: "l1_size", offset: 8 },
    },
  );
}

/**
 * The table, every entry padded to 8 bytes. Extra data grows as the fields that are defined need it.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold, `QCOW2_LIMIT_EXCEEDED` as for
 * decoding.
 */
export function encodeSnapshotTable(snapshots: readonly Snapshot[]): Uint8Array {
  checkCount(snapshots.length);
  const entries = snapshots.map((snapshot, index) => encodeSnapshotEntry(snapshot, index));
  const writer = new ByteWriter(
    entries.reduce((sum, entry) => sum + entry.length, 0),
    "snapshot table",
  );
  let at = 0;
  entries.forEach((entry, index) => {
    checkTableSize(at + entry.length, index);
    writer.put(at, entry);
    at += entry.length;
  });
  return writer.bytes;
}

/** One entry of the table, padded to 8 bytes; see `encodeSnapshotTable`. */
export function encodeSnapshotEntry(snapshot: Snapshot, index: number): Uint8Array {
  const extra = encodeExtraData(snapshot, index);
  const { idBytes, nameBytes } = snapshot;
  const unpadded = FIXED_BYTES + extra.length + idBytes.length + nameBytes.length;
  const writer = new ByteWriter(padTo8(unpadded), structureOf(index));
  writer.u64(0, "l1_table_offset", snapshot.l1TableOffset);
  writer.u32(8, "l1_size", snapshot.l1Size);
  writer.u16(12, "id_str_size", idBytes.length);
  writer.u16(14, "name_size", nameBytes.length);
  writer.u32(16, "date_sec", snapshot.dateSec);
  writer.u32(20, "date_nsec", snapshot.dateNsec);
  writer.u64(24, "vm_clock_nsec", snapshot.vmClockNsec);
  writer.u32(32, "vm_state_size", snapshot.vmStateSize < 2n ** 32n ? Number(snapshot.vmStateSize) : 0);
  writer.u32(36, "extra_data_size", extra.length);
  writer.put(FIXED_BYTES, extra);
  writer.put(FIXED_BYTES + extra.length, idBytes);
  writer.put(FIXED_BYTES + extra.length + idBytes.length, nameBytes);
  return writer.bytes;
}

function encodeExtraData(snapshot: Snapshot, index: number): Uint8Array {
  const length = Math.max(snapshot.extraData.length, extraBytesNeeded(snapshot));
  if (length > SNAPSHOT_EXTRA_DATA_BYTES_MAX) {
    const problem = `extra data has ${length} bytes, at most ${SNAPSHOT_EXTRA_DATA_BYTES_MAX} are allowed`;
    throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, {
      structure: structureOf(index),
      field: "extra_data_size",
    });
  }
  const writer = new ByteWriter(length, structureOf(index));
  writer.put(0, snapshot.extraData);
  if (length >= 8) writer.u64(0, "vm_state_size", snapshot.vmStateSize);
  if (length >= 16) writer.u64(8, "disk_size", snapshot.diskSize ?? 0n);
  if (length >= 24) writer.u64(16, "icount", snapshot.icount ?? ICOUNT_NONE);
  return writer.bytes;
}

function extraBytesNeeded(snapshot: Snapshot): number {
  if (snapshot.icount !== undefined) return 24;
  if (snapshot.diskSize !== undefined) return 16;
  return snapshot.vmStateSize >= 2n ** 32n ? 8 : 0;
}
