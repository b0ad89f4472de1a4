// Holes in files: finding, making and filling them with the host's own calls. Owns what the calls mean
// and their odd answers; the descriptor's life and the checks of ranges are the backend's.

import type { DataRange } from "@qcow/block";
import type { HostError } from "./file-system.js";
import { hostError } from "./host-error.js";
import type { Libc } from "./libc.js";
import { type Descriptor, writeFully } from "./positional-io.js";

// Numbers of Linux.
const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Devices are punched in whole blocks of their own; none of the usual has larger ones. */
const DEVICE_BLOCK_BYTES = 4096;

/** The next range that is no hole, at or after `offset`. */
export function findData(libc: Libc, file: Descriptor, offset: number): DataRange | undefined {
  const { fd, label } = file;
  try {
    const start = libc.seek(fd, offset, SEEK_DATA);
    const end = Math.min(libc.seek(fd, start, SEEK_HOLE), Number.MAX_SAFE_INTEGER);
    return start < end ? { start, end } : undefined;
  } catch (error) {
    const cause = error as HostError;
    // No data from there on; or the file has just become shorter, which comes to the same.
    if (cause.code === "ENXIO") return undefined;
    if (cause.code !== "EINVAL" && cause.code !== "EOPNOTSUPP") {
      throw hostError("find data in", label, cause, { offset });
    }
    // A file system that does not know: there may be data everywhere.
    const end = endOf(libc, file);
    return offset < end ? { start: offset, end } : undefined;
  }
}

/** Makes a hole of the range, as far as it lies inside the file. */
export async function punchFile(libc: Libc, file: Descriptor, offset: number, length: number): Promise<void> {
  await punch(libc, file, offset, insideEnd(libc, file, offset, length));
}

/** The same for a block device, which takes only whole blocks: what is left at the edges is written with zeros. */
export async function punchDevice(
  libc: Libc,
  file: Descriptor,
  offset: number,
  length: number,
): Promise<void> {
  const end = insideEnd(libc, file, offset, length);
  const firstBlock = Math.min(Math.ceil(offset / DEVICE_BLOCK_BYTES) * DEVICE_BLOCK_BYTES, end);
  const lastBlock = Math.max(Math.floor(end / DEVICE_BLOCK_BYTES) * DEVICE_BLOCK_BYTES, firstBlock);
  await punch(libc, file, firstBlock, lastBlock);
  await writeZeros(file, offset, firstBlock);
  await writeZeros(file, lastBlock, end);
}

/** Where the range ends, or the file if that is before. */
function insideEnd(libc: Libc, file: Descriptor, offset: number, length: number): number {
  return Math.min(offset + length, endOf(libc, file));
}

/** The length in bytes, of devices too. The position that this moves is used by nobody. */
function endOf(libc: Libc, { fd, label }: Descriptor): number {
  try {
    return libc.seek(fd, 0, SEEK_END);
  } catch (error) {
    throw hostError("find the end of", label, error as HostError);
  }
}

async function punch(libc: Libc, file: Descriptor, start: number, end: number): Promise<void> {
  if (start < end)
    await fallocate(libc, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, end - start);
}

/** Reserves the range, growing the file to its end. */
export async function reserve(libc: Libc, file: Descriptor, offset: number, length: number): Promise<void> {
  if (length > 0) await fallocate(libc, file, 0, offset, length);
}

async function writeZeros(file: Descriptor, start: number, end: number): Promise<void> {
  // Shorter than a block of a device, by how it is called.
  if (start < end) await writeFully(file, start, new Uint8Array(end - start), undefined);
}

async function fallocate(
  libc: Libc,
  { fd, label }: Descriptor,
  mode: number,
  offset: number,
  length: number,
): Promise<void> {
  const action = mode === 0 ? "reserve space in" : "punch a hole into";
  for (;;) {
    try {
      return await libc.fallocate(fd, mode, offset, length);
    } catch (error) {
      const cause = error as HostError;
      // A signal came while it was busy; what it had done by then it does not do again.
      if (cause.code !== "EINTR") throw hostError(action, label, cause, { offset, length });
    }
  }
}
