// Where a run of a write plan goes in the file, and which bytes go there: what the caller gives, and around it what the
// disk read as before (copy on write). Owns that old bytes of a reused cluster never show through.

import type { IoOptions } from "@qcow/block";
import { L2Kind } from "@qcow/format";
import type { Reservation } from "../allocate/allocator.js";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { L2Span } from "../mapping/map-l2-table.js";
import type { DirtyPiece } from "../tables/dirty-table.js";
import type { WriteRun } from "./plan-write.js";
import { isEmptyBelow, type WriteContext } from "./write-context.js";

/** Up to so many bytes are put together into one write; longer ones are written from the caller's buffer. */
const JOINED_BYTES_MAX = 256 * 1024;

/** What the caller writes: `bytes` belong at guest offset `start`. */
export interface GuestBytes {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A part of a run that lies in one piece in the file. */
export interface Placement {
  /** Index in the table of the first cluster, and their number. */
  readonly index: number;
  readonly count: number;
  /** Host offset of the first cluster. */
  readonly host: number;
  /** Whether the file reads as zero there: nobody ever used it, or it was erased. */
  readonly virgin: boolean;
}

/** Where the clusters of `run` lie: their own place, what was reserved for them, or their place in the data file. */
export function placementsOf(
  run: WriteRun,
  span: L2Span,
  context: WriteContext,
  reservation: Reservation | undefined,
): Placement[] {
  const { clusterSize, hasDataFile } = context.geometry;
  const { index, count } = run;
  if (run.action !== "allocate") return [{ index, count, host: run.host, virgin: false }];
  if (hasDataFile || reservation === undefined) {
    return [{ index, count, host: span.base + index * clusterSize, virgin: false }];
  }
  const placements: Placement[] = [];
  let next = index;
  for (let at = 0; at < reservation.runs.length; at++) {
    const first = reservation.runs.first(at);
    const clusters = reservation.runs.count(at);
    const virgin = first >= reservation.virginFrom || reservation.zeroRuns?.has(first) === true;
    placements.push({ index: next, count: clusters, host: first * clusterSize, virgin });
    next += clusters;
  }
  return placements;
}

/** The writes that put `run` into the file at `placement`. */
export async function writesFor(
  run: WriteRun,
  placement: Placement,
  span: L2Span,
  given: GuestBytes,
  context: WriteContext,
  options: IoOptions,
): Promise<DirtyPiece[]> {
  const { clusterSize } = context.geometry;
  const guest = span.base + placement.index * clusterSize;
  const from = Math.max(run.from, guest);
  const to = Math.min(run.to, guest + placement.count * clusterSize);
  const start = Math.max(from, given.start);
  const end = Math.min(to, given.start + given.bytes.byteLength);
  const body = given.bytes.subarray(start - given.start, end - given.start);
  const hostOf = (offset: number): number => placement.host + (offset - guest);
  const write = { offset: hostOf(start), bytes: body };
  if (from === start && to === end) return [write];
  const headIsZero = from === start || readsAsZero(span, from, context);
  const tailIsZero = to === end || readsAsZero(span, end, context);
  if (placement.virgin && headIsZero && tailIsZero) return [write];
  const head = new Uint8Array(start - from);
  const tail = new Uint8Array(to - end);
  if (!headIsZero) await readEdge(context, from, head, options);
  if (!tailIsZero) await readEdge(context, end, tail, options);
  if (to - from <= JOINED_BYTES_MAX) {
    const bytes = new Uint8Array(to - from);
    bytes.set(head);
    bytes.set(body, head.byteLength);
    bytes.set(tail, head.byteLength + body.byteLength);
    return [{ offset: hostOf(from), bytes }];
  }
  const edges = [
    { offset: hostOf(from), bytes: head },
    { offset: hostOf(end), bytes: tail },
  ];
  return [write, ...edges.filter(({ bytes }) => bytes.byteLength > 0)];
}

// Told by the entry alone; false where it takes a look at the contents.
function readsAsZero(span: L2Span, offset: number, context: WriteContext): boolean {
  const { geometry } = context;
  if (geometry.extendedL2) return false;
  const index = Math.floor((offset - span.base) / geometry.clusterSize);
  const at = index * geometry.l2EntrySize;
  const kind = clusterKind(span.table.getUint32(at), span.table.getUint32(at + 4), geometry);
  if (kind === L2Kind.unallocated) return isEmptyBelow(context, span.base + index * geometry.clusterSize);
  return kind === L2Kind.zeroPlain || kind === L2Kind.zeroAllocated;
}

// What lies past the end of the disk is zero.
async function readEdge(
  context: WriteContext,
  offset: number,
  target: Uint8Array,
  options: IoOptions,
): Promise<void> {
  const length = Math.max(0, Math.min(target.byteLength, context.tables.virtualSize - offset));
  if (length > 0) await context.readUnlocked(offset, target.subarray(0, length), options);
}
