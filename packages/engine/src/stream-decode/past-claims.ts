// Delivers the contents of a table that came after them. Owns finding them among what was kept, or half there and half in
// the window, and reading them in few pieces.

import type { Geometry } from "@qcow/format";
import { isCutShort } from "../read/read-compressed.js";
import { copySubclusters } from "./copy-subclusters.js";
import type { Deliveries } from "./deliveries.js";
import type { PastBytes } from "./past-bytes.js";
import { cutShort, passedBy } from "./stream-errors.js";
import type { StreamWindow } from "./stream-window.js";
import { ALL_SUBCLUSTERS, SLACK_BYTES, type TableClaims } from "./table-claims.js";

export interface PastContext {
  readonly label: string;
  readonly geometry: Geometry;
  readonly past: PastBytes;
  readonly window: StreamWindow;
  readonly deliveries: Deliveries;
  readonly signal: AbortSignal;
}

/** Delivers what of `claims` begins before `at` in the file. */
export async function deliverPast(claims: TableClaims, at: number, context: PastContext): Promise<void> {
  while (claims.nextStart < at) {
    context.signal.throwIfAborted();
    const entry = claims.order[claims.cursor++] as number;
    if (claims.isCompressed(entry)) await deliverCompressed(claims, entry, at, context);
    else await deliverPlain(claims, entry, context);
  }
  context.deliveries.flush();
}

async function deliverPlain(claims: TableClaims, entry: number, context: PastContext): Promise<void> {
  const { geometry, past, label } = context;
  const { clusterSize, subclusterSize } = geometry;
  const start = claims.startOf(entry);
  const alloc = claims.subclusters(entry);
  // The end of the stream may have cut the last cluster, whose rest is zero.
  const present = Math.min(clusterSize, context.window.end - start);
  if (past.available(start, present) < present) throw passedBy(label, start, "the cluster");
  for (const index of claims.indices) {
    if (!claims.isInside(index, entry)) continue;
    await context.deliveries.made(claims.guestOf(index, entry), async (target) => {
      target.fill(0, present);
      await past.read(start, target.subarray(0, present));
      if (alloc !== ALL_SUBCLUSTERS) copySubclusters(target, target, alloc, subclusterSize);
    });
  }
}

async function deliverCompressed(
  claims: TableClaims,
  entry: number,
  at: number,
  context: PastContext,
): Promise<void> {
  const { past, window, label } = context;
  const start = claims.startOf(entry);
  const length = claims.compressedLength(entry);
  const end = start + length;
  if (window.ended && isCutShort(start, length, window.end))
    throw cutShort(label, window.end, "compressed contents", start);
  // The last sector may be another's for the most part, which had no reason to be kept.
  const needed = end - SLACK_BYTES - start;
  const inPast = past.available(start, Math.min(end, at) - start);
  const isWhole = start + inPast === at;
  const inWindow = isWhole ? Math.max(0, Math.min(end, window.end) - at) : 0;
  if (inPast + inWindow < Math.min(needed, window.end - start))
    throw passedBy(label, start, "the compressed cluster");
  const stream = new Uint8Array(inPast + inWindow);
  await past.read(start, stream.subarray(0, inPast));
  if (inWindow > 0) stream.set(window.slice(at, at + inWindow), inPast);
  for (const index of claims.indices)
    if (claims.isInside(index, entry))
      await context.deliveries.compressed(claims.guestOf(index, entry), start, stream);
}
