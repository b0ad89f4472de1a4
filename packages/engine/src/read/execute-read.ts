// Carries a read plan out: the only place that reads contents. Several host reads are under way at once;
// each serves its segments as soon as it is there.

import type { CompressionBackend, IoOptions, ReadOptions } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { Layer } from "../layers/layer.js";
import type { LayerFile } from "../layers/layer-file.js";
import type { Observer } from "../observer.js";
import type { ClusterCache } from "./cluster-cache.js";
import type { Segment, Span } from "./plan-read.js";
import {
  type ClusterPart,
  decompressCluster,
  fillParts,
  isCutShort,
  isWholeCluster,
  readCompressed,
} from "./read-compressed.js";
import type { ScratchPool } from "./scratch-pool.js";

/** Host reads of one request that are under way at once. */
const READS_IN_FLIGHT = 8;

export interface ReadContext {
  readonly layers: readonly Layer[];
  readonly compression: CompressionBackend | undefined;
  readonly observer: Observer | undefined;
  readonly scratch: ScratchPool;
  /** Absent where somebody writes to the image. */
  readonly clusters?: ClusterCache | undefined;
}

/** What was read where all that is wanted is in memory. */
const NOTHING = new Uint8Array(0);

/** Reads `spans` into `target`, whose byte 0 is guest offset `base`. */
export async function executeRead(
  context: ReadContext,
  spans: readonly Span[],
  target: Uint8Array,
  base: number,
  io: IoOptions,
): Promise<void> {
  const options: ReadOptions = { ...io, purpose: "contents" };
  if (spans.length === 1) return await readSpan(context, spans[0] as Span, target, base, options);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let span = spans[next++]; span !== undefined; span = spans[next++]) {
      options.signal?.throwIfAborted();
      await readSpan(context, span, target, base, options);
    }
  };
  const workers = Array.from({ length: Math.min(READS_IN_FLIGHT, spans.length) }, worker);
  await settleAll(workers);
}

// Waits for all even when one fails: none may write into the caller's buffer after the rejection.
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function readSpan(
  context: ReadContext,
  span: Span,
  target: Uint8Array,
  base: number,
  options: ReadOptions,
): Promise<void> {
  const layer = context.layers[span.depth] as Layer;
  if (span.compressed && span.segments.every((segment) => context.clusters?.has(segment)))
    return await serveAll(context, layer, span, NOTHING, target, base, options);
  const file = span.compressed ? layer.imageFile : await layer.dataFile(options);
  const only = span.segments[0] as Segment;
  if (span.segments.length === 1 && !only.compressed) {
    await readInto(context, file, span, layer.clusterSize, partOf(target, base, only), options);
    return;
  }
  const scratch = context.scratch.take(span.length);
  try {
    const bytes = scratch.subarray(0, span.length);
    await readInto(context, file, span, layer.clusterSize, bytes, options);
    await serveAll(context, layer, span, bytes, target, base, options);
  } finally {
    context.scratch.give(scratch);
  }
}

async function readInto(
  context: ReadContext,
  file: LayerFile,
  span: Span,
  clusterSize: number,
  bytes: Uint8Array,
  options: ReadOptions,
): Promise<void> {
  const end = span.host + span.length;
  const size = await file.sizeFor(end, options);
  if (end > size) for (const segment of span.segments) requireInside(file, segment, size, clusterSize);
  await file.read(span.host, bytes, options);
  context.observer?.hostRead?.({ offset: span.host, length: bytes.byteLength, purpose: "contents" });
}

// A plain cluster may lose a tail of zeros to the end of the file; a compressed stream may not lose a byte. A segment can be
// many clusters in a row, of which the last one must begin in the file, too.
function requireInside(file: LayerFile, segment: Segment, size: number, clusterSize: number): void {
  const { compressed, host, hostLength, guest } = segment;
  const last = host + hostLength - 1;
  const start = compressed ? host : last - (last % clusterSize);
  if (start >= size) {
    const missing = compressed ? host : Math.max(host, Math.ceil(size / clusterSize) * clusterSize);
    throw file.outside(missing, size, `the data for guest offset ${guest + missing - host}`);
  }
  if (segment.compressed && isCutShort(segment.host, segment.hostLength, size)) {
    throw new EngineError(
      "QCOW2_BAD_COMPRESSED_CLUSTER",
      `the compressed cluster for guest offset ${segment.guest} of ${file.label}, at offset ${segment.host}, is cut off by the end of the file`,
      { offset: segment.guest },
    );
  }
}

async function serveAll(
  context: ReadContext,
  layer: Layer,
  span: Span,
  bytes: Uint8Array,
  target: Uint8Array,
  base: number,
  options: IoOptions,
): Promise<void> {
  const work: Promise<void>[] = [];
  const { segments } = span;
  for (let index = 0, next = 0; index < segments.length; index = next) {
    const segment = segments[index] as Segment;
    const from = segment.host - span.host;
    const stored = bytes.subarray(from, from + segment.hostLength);
    next = index + 1;
    if (!segment.compressed) {
      partOf(target, base, segment).set(stored);
      continue;
    }
    while (isSameStream(segment, segments[next])) next++;
    const parts = segments.slice(index, next).map((same) => ({
      guest: same.guest,
      target: partOf(target, base, same),
    }));
    work.push(serveCluster(context, layer, segment, stored, parts, options));
  }
  await settleAll(work);
}

async function serveCluster(
  { clusters, compression }: ReadContext,
  { label, clusterSize, compressionMethod: method }: Layer,
  segment: Segment,
  stream: Uint8Array,
  parts: readonly ClusterPart[],
  options: IoOptions,
): Promise<void> {
  const cluster = { label, clusterSize, method, host: segment.host };
  const isWhole = isWholeCluster(parts, clusterSize);
  if (clusters === undefined || (isWhole && !clusters.has(segment)))
    return await readCompressed(cluster, stream, parts, compression, options);
  const contents = clusters.contents(segment, clusterSize, async () => {
    const output = new Uint8Array(clusterSize);
    // Others may wait for it too, so whoever asked first cannot cancel it.
    await decompressCluster(cluster, stream, output, segment.guest, compression, {});
    return output;
  });
  fillParts(await contents, parts);
}

function isSameStream(segment: Segment, other: Segment | undefined): boolean {
  return other?.compressed === true && other.host === segment.host && other.hostLength === segment.hostLength;
}

function partOf(target: Uint8Array, base: number, segment: Segment): Uint8Array {
  const start = segment.guest - base;
  return target.subarray(start, start + segment.length);
}
