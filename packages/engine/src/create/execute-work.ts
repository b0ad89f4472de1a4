// Does the work on a new image's backends, in pieces of bounded size. Owns buffers and progress, no order but that of
// the list, and no durability.

import { isBackendError, type LongOptions } from "@qcow/block";
import { fillTable } from "./fill-table.js";
import type { Work } from "./plan-work.js";

/** Bytes written at once: whole sectors. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** Does all of `work`, one item after the other. Progress is in bytes. */
export async function executeWork(work: readonly Work[], options: LongOptions): Promise<void> {
  const total = work.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  const report = (length: number): void => {
    done += length;
    options.onProgress?.({ done, total });
  };
  if (total === 0) report(0);
  for (const item of work) await doItem(item, options, report);
}

async function doItem(item: Work, options: LongOptions, report: (length: number) => void): Promise<void> {
  const { backend, offset, length } = item;
  if (item.kind === "reserve" || item.kind === "discard") {
    const operation = item.kind === "reserve" ? backend.allocate : backend.discard;
    try {
      await operation?.call(backend, offset, length, { signal: options.signal });
      return report(length);
    } catch (error) {
      // Not this file system, not this device: zeros do it anywhere.
      if (!isBackendError(error, "BACKEND_UNSUPPORTED")) throw error;
    }
  }
  await writePieces(item, options, report);
}

async function writePieces(
  { backend, offset, length, table }: Work,
  { signal }: LongOptions,
  report: (length: number) => void,
): Promise<void> {
  const buffer = new Uint8Array(Math.min(PIECE_BYTES, length));
  for (let at = 0; at < length; ) {
    signal?.throwIfAborted();
    const piece = buffer.subarray(0, Math.min(PIECE_BYTES, length - at));
    if (table !== undefined) fillTable(table, at, piece);
    await backend.write(offset + at, piece, { signal });
    at += piece.byteLength;
    report(piece.byteLength);
  }
}
