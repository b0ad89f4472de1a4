// Copies host clusters to where they go. Owns the reads and writes: neighbours together, several at once, holes as holes.

import type { BlockBackend, DataRange, IoOptions } from "@qcow/block";
import { inFlight } from "../check/in-flight.js";
import { SlotBuffers } from "../check/slot-buffers.js";

/** Most bytes of one read and of one write. */
const COPY_BYTES_MAX = 1024 * 1024;

const COPIES_IN_FLIGHT = 8;

/** Clusters to copy, pair by pair. */
export class CopyList {
  readonly #sources: number[] = [];
  readonly #destinations: number[] = [];

  get length(): number {
    return this.#sources.length;
  }

  add(source: number, destination: number): void {
    this.#sources.push(source);
    this.#destinations.push(destination);
  }

  /** Runs of clusters that lie in a row in both places, by source: source, destination, count. Pure. */
  runs(countMax: number): [number, number, number][] {
    const order = this.#sources.map((_, at) => at).sort((a, b) => this.#source(a) - this.#source(b));
    const runs: [number, number, number][] = [];
    let run: [number, number, number] | undefined;
    for (const at of order) {
      const source = this.#source(at);
      const destination = this.#destinations[at] as number;
      const continues =
        run !== undefined &&
        source === run[0] + run[2] &&
        destination === run[1] + run[2] &&
        run[2] < countMax;
      if (continues) (run as [number, number, number])[2]++;
      else {
        run = [source, destination, 1];
        runs.push(run);
      }
    }
    return runs;
  }

  #source(at: number): number {
    return this.#sources[at] as number;
  }
}

/** Less than what the host can do, for those who share it with others. */
export interface CopyLimits {
  /** Most bytes of one read and of one write. */
  readonly bytesMax?: number | undefined;
  /** Most copies at a time. */
  readonly inFlightMax?: number | undefined;
}

/** Copies all of `list`; nothing of it is durable. Resolves with the bytes that were written. */
export async function copyClusters(
  backend: BlockBackend,
  clusterSize: number,
  list: CopyList,
  options: IoOptions,
  { bytesMax, inFlightMax }: CopyLimits = {},
): Promise<number> {
  const runs = list.runs(Math.max(1, Math.floor((bytesMax ?? COPY_BYTES_MAX) / clusterSize)));
  const fileSize = await backend.size(options);
  const holes = new HoleCursor(backend);
  const buffers = new SlotBuffers();
  let written = 0;
  await inFlight(
    runs.length,
    async (at, slot) => {
      options.signal?.throwIfAborted();
      const [source, destination, count] = runs[at] as [number, number, number];
      const length = count * clusterSize;
      if (await holes.isHole(source * clusterSize, length, options)) {
        await makeZero(backend, holes, destination * clusterSize, length, options);
        return;
      }
      // The last cluster of the file may be short: the rest of it reads as zero.
      const bytes = buffers.take(slot, length);
      const present = Math.max(0, Math.min(length, fileSize - source * clusterSize));
      bytes.fill(0, present);
      await backend.read(source * clusterSize, bytes.subarray(0, present), options);
      await backend.write(destination * clusterSize, bytes, options);
      written += length;
    },
    inFlightMax ?? COPIES_IN_FLIGHT,
  );
  return written;
}

// What a hole is copied to holds something that was given up, unless it is a hole as well.
async function makeZero(
  backend: BlockBackend,
  holes: HoleCursor,
  offset: number,
  length: number,
  options: IoOptions,
): Promise<void> {
  if (await holes.isHole(offset, length, options)) return;
  await backend.write(offset, new Uint8Array(length), options);
}

/** Asks the host where holes are, and remembers the last answers: most questions are about neighbours. */
class HoleCursor {
  readonly #backend: BlockBackend;
  readonly #known: { start: number; data: DataRange | undefined }[] = [];

  constructor(backend: BlockBackend) {
    this.#backend = backend;
  }

  async isHole(offset: number, length: number, options: IoOptions): Promise<boolean> {
    if (this.#backend.nextData === undefined) return false;
    for (const { start, data } of this.#known) {
      if (offset < start || (data !== undefined && offset >= data.start)) continue;
      return data === undefined || offset + length <= data.start;
    }
    const data = await this.#backend.nextData(offset, options);
    this.#remember(offset, data);
    return data === undefined || data.start >= offset + length;
  }

  // Several ask about one hole at once; what they learn is one answer, or they would drive out all others.
  #remember(offset: number, data: DataRange | undefined): void {
    const same = this.#known.find((known) => known.data?.start === data?.start);
    if (same !== undefined) {
      same.start = Math.min(same.start, offset);
      return;
    }
    this.#known.unshift({ start: offset, data });
    if (this.#known.length > KNOWN_MAX) this.#known.pop();
  }
}

/** Answers that are remembered. */
const KNOWN_MAX = 4;
