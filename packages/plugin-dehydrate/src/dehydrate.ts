// An image without its contents, as a map and metadata. Owns the public function; finding the metadata is survey/, making
// the bytes copy/, the text of the map map/.

import type { LongOptions, ReadableBlockBackend } from "@qcow/block";
import { copyMetadata } from "./copy/copy-metadata.js";
import { Intervals } from "./map/intervals.js";
import { mapText, mapTextLength } from "./map/map-text.js";
import { type Survey, surveyImage } from "./survey/survey-image.js";

export interface DehydrateOptions extends LongOptions {
  /**
   * Replaces the names of backing file and data file, of snapshots (ids too) and bitmaps by others of the same length, and
   * clears header extensions that are not known. Equal names stay equal.
   */
  readonly scrub?: boolean | undefined;
}

/** An image whose metadata was found. The source must stay open while `meta` is read. */
export interface Dehydrated {
  /** Length of the image file in bytes. */
  readonly totalSize: number;
  /** Length of the metadata in bytes. */
  readonly metaBytes: number;
  /** Length of the map's text in bytes. */
  readonly mapBytes: number;
  /** How many runs of clusters it lies in. */
  readonly intervalCount: number;
  /** The text of the map, ASCII, in pieces. */
  map(): Iterable<Uint8Array>;
  /** The bytes of all intervals, ascending, in pieces. To be read once. */
  meta(): AsyncIterable<Uint8Array>;
  /** What is damaged, and what was left out for other reasons than being contents; complete once `meta` was read. */
  readonly notes: readonly string[];
}

/**
 * Finds the metadata of the image in `source`: header, tables, refcounts, snapshots, bitmaps. A damaged image is followed
 * as far as it makes sense. Contents of the disk, compressed or not, and saved VM states are never part of it, nor are keys
 * of an encryption.
 *
 * @throws FormatError for a file that is no qcow2 image, `BackendError` when it cannot be read, DehydrateError
 *   `DEHYDRATED_TOO_LARGE` for more than eight million clusters of metadata.
 */
export async function dehydrate(
  source: ReadableBlockBackend,
  options: DehydrateOptions = {},
): Promise<Dehydrated> {
  const survey = await surveyImage(source, options);
  const totalSize = survey.file.size;
  const intervals = intervalsOf(survey);
  const metaBytes = intervals.bytes;
  return {
    totalSize,
    metaBytes,
    mapBytes: mapTextLength(intervals, totalSize),
    intervalCount: intervals.count,
    map: () => encoded(mapText(intervals, totalSize)),
    meta: () => counted(copyMetadata(survey), metaBytes, options),
    get notes() {
      return survey.notes.lines;
    },
  };
}

/** Whole clusters, as qcow-tool has them; the last one as far as the file goes. */
function intervalsOf({ all, kept, file }: Survey): Intervals {
  const { sorted } = all;
  const { clusterSize } = kept;
  const intervals = new Intervals();
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1;
    while (to < sorted.length && sorted[to] === (sorted[to - 1] as number) + 1) to++;
    const end = Math.min(((sorted[to - 1] as number) + 1) * clusterSize, file.size);
    intervals.add((sorted[from] as number) * clusterSize, end - 1);
    from = to;
  }
  return intervals;
}

function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const piece of pieces) yield encoder.encode(piece);
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  total: number,
  { signal, onProgress }: LongOptions,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    yield chunk;
    done += chunk.length;
    onProgress?.({ done, total });
  }
}
