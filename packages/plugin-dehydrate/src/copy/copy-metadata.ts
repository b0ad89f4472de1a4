// The metadata of a surveyed image, chunk by chunk in the order of the file. Owns what each byte of it is: one of a
// structure, or zero; so nothing that merely shares a cluster with a structure gets out.

import { lowerBound } from "../survey/cluster-list.js";
import { PIECE_BYTES } from "../survey/image-file.js";
import type { KeptPlace, Patch } from "../survey/kept.js";
import type { Survey } from "../survey/survey-image.js";
import { PlaceIndex } from "./place-index.js";
import { withholdEntries } from "./withhold.js";
import { withholdRefcounts } from "./withhold-refcounts.js";

/** Chunks that are read ahead, for sources that take long to answer. */
const AHEAD = 8;

interface Chunk {
  readonly start: number;
  readonly end: number;
}

/** All clusters of the survey, ascending, without what lies between them. */
export async function* copyMetadata(survey: Survey): AsyncGenerator<Uint8Array> {
  const copy = new Copy(survey);
  const chunks = copy.chunks();
  const ahead: Promise<Uint8Array>[] = [];
  try {
    for (;;) {
      while (ahead.length < AHEAD) {
        const next = chunks.next();
        if (next.done === true) break;
        const bytes = copy.bytes(next.value);
        // Whoever awaits it is told; until then nobody has to listen.
        bytes.catch(() => undefined);
        ahead.push(bytes);
      }
      const first = ahead.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

class Copy {
  readonly #survey: Survey;
  readonly #places: PlaceIndex<KeptPlace>;
  readonly #patches: PlaceIndex<Patch & { readonly length: number }>;

  constructor(survey: Survey) {
    this.#survey = survey;
    this.#places = new PlaceIndex(survey.kept.places);
    this.#patches = new PlaceIndex(
      survey.kept.patches.map((patch) => ({ ...patch, length: patch.bytes.length })),
    );
  }

  *chunks(): Generator<Chunk> {
    const { all, kept, file } = this.#survey;
    const { clusterSize } = kept;
    const { sorted } = all;
    const most = Math.max(1, PIECE_BYTES / clusterSize);
    for (let from = 0; from < sorted.length; ) {
      let to = from + 1;
      while (to < sorted.length && to - from < most && sorted[to] === (sorted[to - 1] as number) + 1) to++;
      const start = (sorted[from] as number) * clusterSize;
      yield { start, end: Math.min(start + (to - from) * clusterSize, file.size) };
      from = to;
    }
  }

  async bytes(chunk: Chunk): Promise<Uint8Array> {
    const bytes = new Uint8Array(chunk.end - chunk.start);
    await this.#read(bytes, chunk);
    this.#withhold(bytes, chunk);
    for (const patch of this.#patches.within(chunk.start, chunk.end)) overlay(bytes, chunk, patch);
    return bytes;
  }

  /** Reads what is kept of the chunk, neighbours together. */
  async #read(bytes: Uint8Array, chunk: Chunk): Promise<void> {
    const { file, tables } = this.#survey;
    const wanted: Chunk[] = [];
    for (const cluster of this.#wholeClusters(chunk)) {
      const known = tables.get(cluster.start);
      if (known === undefined) wanted.push(cluster);
      else bytes.set(known.subarray(0, cluster.end - cluster.start), cluster.start - chunk.start);
    }
    for (const { offset, length } of this.#places.within(chunk.start, chunk.end))
      wanted.push({ start: Math.max(offset, chunk.start), end: Math.min(offset + length, chunk.end) });
    const reads = merged(wanted).map(({ start, end }) =>
      file.readInto(start, bytes.subarray(start - chunk.start, end - chunk.start)),
    );
    const ended = await Promise.allSettled(reads);
    for (const result of ended) if (result.status === "rejected") throw result.reason;
  }

  *#wholeClusters({ start, end }: Chunk): Generator<Chunk> {
    const { kept } = this.#survey;
    const { clusterSize, l2Tables, refcountBlocks, bitmapData } = kept;
    for (const { sorted } of [l2Tables, refcountBlocks, bitmapData])
      for (let at = lowerBound(sorted, start / clusterSize); at < sorted.length; at++) {
        const offset = (sorted[at] as number) * clusterSize;
        if (offset >= end) break;
        yield { start: offset, end: Math.min(offset + clusterSize, end) };
      }
  }

  /** Clears what may be contents, cluster by cluster. */
  #withhold(bytes: Uint8Array, chunk: Chunk): void {
    const { kept } = this.#survey;
    for (let start = chunk.start; start < chunk.end; start += kept.clusterSize) {
      const end = Math.min(start + kept.clusterSize, chunk.end);
      this.#withholdCluster(bytes.subarray(start - chunk.start, end - chunk.start), { start, end });
    }
  }

  #withholdCluster(bytes: Uint8Array, cluster: Chunk): void {
    const { kept, claimed, rules, refcounts } = this.#survey;
    const index = cluster.start / kept.clusterSize;
    const isClaimed = index !== 0 && claimed.has(index);
    const isRefcounts = kept.refcountBlocks.has(index);
    if (isRefcounts || kept.bitmapData.has(index)) {
      // Bits of bitmaps look like anything.
      if (isClaimed) this.#clear(bytes, index);
      else if (isRefcounts && withholdRefcounts(bytes, refcounts)) this.#noteNoRefcounts(index);
      return;
    }
    if (kept.l2Tables.has(index)) {
      this.#note(withholdEntries(bytes, "l2", rules, isClaimed), index);
      return;
    }
    const places = [...this.#places.within(cluster.start, cluster.end)].map(({ offset, length, kind }) => {
      const from = Math.max(offset, cluster.start) - cluster.start;
      return { kind, part: bytes.subarray(from, Math.min(offset + length, cluster.end) - cluster.start) };
    });
    // Where a table runs into something else, that stays.
    const others = places
      .filter(({ kind }) => kind === "plain")
      .map(({ part }) => ({ part, was: part.slice() }));
    for (const { kind, part } of places)
      if (kind !== "plain") this.#note(withholdEntries(part, kind, rules, isClaimed), index);
    for (const { part, was } of others) {
      if (isClaimed) this.#clear(part, index);
      else part.set(was);
    }
  }

  #clear(bytes: Uint8Array, index: number): void {
    bytes.fill(0);
    this.#survey.notes.add(`the metadata in cluster ${index} is left out`);
  }

  #noteNoRefcounts(index: number): void {
    this.#survey.notes.add(`cluster ${index} is taken for refcounts, looks like none, and is left out`);
  }

  #note(withheld: number, index: number): void {
    if (withheld > 0)
      this.#survey.notes.add(
        `${withheld} entries in cluster ${index} look like no table's, and are left out`,
      );
  }
}

function overlay(bytes: Uint8Array, chunk: Chunk, patch: Patch): void {
  const from = Math.max(patch.offset, chunk.start);
  const to = Math.min(patch.offset + patch.bytes.length, chunk.end);
  bytes.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - chunk.start);
}

function merged(ranges: Chunk[]): Chunk[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}
