// Decides which host reads serve a part of the disk: neighbours in a file become one large read, plain
// and compressed alike. Pure; execute-read.ts does what it says.

import { RunKind, type RunList } from "../mapping/run-list.js";

/** Most bytes of one host read that serves several runs; a longer run is cut. */
export const SPAN_BYTES_MAX = 2 * 1024 * 1024;

/** Bytes that may be read for nothing to save a request. */
const GAP_BYTES_MAX = 16 * 1024;

/** Something stored that the caller wants: plain bytes, or a compressed cluster. */
export interface Segment {
  /** Guest offset and length in bytes of what is wanted. */
  readonly guest: number;
  readonly length: number;
  /** Where it lies in the layer's file, and how much of that is to be read. */
  readonly host: number;
  readonly hostLength: number;
  readonly compressed: boolean;
  readonly depth: number;
}

/** One host read, which serves its segments. */
export interface Span {
  readonly depth: number;
  /** Whether the bytes are in the layer's image file; otherwise they are in its data file. */
  readonly compressed: boolean;
  readonly host: number;
  length: number;
  readonly segments: Segment[];
}

export interface ReadPlan {
  readonly spans: readonly Span[];
  /** Index of the first run that cannot be read, or -1. */
  readonly invalidRun: number;
}

/** Plans the reads for `runs`. Runs that read as zero need none. */
export function planRead(runs: RunList): ReadPlan {
  const segments: Segment[] = [];
  for (let index = 0; index < runs.count; index++) {
    const kind = runs.kind[index] as number;
    if (kind === RunKind.invalid) return { spans: [], invalidRun: index };
    if (kind === RunKind.data) addPlain(runs, index, segments);
    else if (kind === RunKind.compressed) addCompressed(runs, index, segments);
  }
  return { spans: coalesce(segments), invalidRun: -1 };
}

function addPlain(runs: RunList, index: number, segments: Segment[]): void {
  const start = runs.start[index] as number;
  const length = runs.length[index] as number;
  const host = runs.host[index] as number;
  const depth = runs.depth[index] as number;
  for (let at = 0; at < length; at += SPAN_BYTES_MAX) {
    const part = Math.min(SPAN_BYTES_MAX, length - at);
    segments.push({
      guest: start + at,
      length: part,
      host: host + at,
      hostLength: part,
      compressed: false,
      depth,
    });
  }
}

function addCompressed(runs: RunList, index: number, segments: Segment[]): void {
  segments.push({
    guest: runs.start[index] as number,
    length: runs.length[index] as number,
    host: runs.host[index] as number,
    hostLength: runs.extra[index] as number,
    compressed: true,
    depth: runs.depth[index] as number,
  });
}

function coalesce(segments: Segment[]): Span[] {
  segments.sort((a, b) => a.depth - b.depth || a.host - b.host);
  const spans: Span[] = [];
  let span: Span | undefined;
  for (const segment of segments) {
    const end = segment.host + segment.hostLength;
    if (span !== undefined && joins(span, segment, end)) {
      span.length = Math.max(span.length, end - span.host);
      span.segments.push(segment);
      continue;
    }
    span = {
      depth: segment.depth,
      compressed: segment.compressed,
      host: segment.host,
      length: segment.hostLength,
      segments: [segment],
    };
    spans.push(span);
  }
  return spans;
}

// An image with a data file has no compressed clusters, so plain and compressed bytes of one layer lie in one file.
function joins(span: Span, segment: Segment, end: number): boolean {
  return (
    span.depth === segment.depth &&
    segment.host <= span.host + span.length + GAP_BYTES_MAX &&
    end - span.host <= SPAN_BYTES_MAX
  );
}
