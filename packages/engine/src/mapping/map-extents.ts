// Turns runs into the extents that `map` answers, joined across batches as qemu-img joins them. Owns the
// meaning of present, zero, data and offset.

import type { IoOptions } from "@qcow/block";
import { type ExtentBatch, ExtentFlag } from "../extent.js";
import type { Layer } from "../layers/layer.js";
import { invalidRunError } from "./invalid-run.js";
import { mapChain, RUNS_MAX_DEFAULT } from "./map-chain.js";
import { RunKind, type RunList } from "./run-list.js";

const { present, zero, data, compressed, hasOffset } = ExtentFlag;

/** Extent flags by run kind; a run that no layer holds is not present and reads as zero. */
const FLAGS: readonly number[] = [];
const flagsOf = FLAGS as number[];
flagsOf[RunKind.unallocated] = zero;
flagsOf[RunKind.data] = present | data | hasOffset;
flagsOf[RunKind.zero] = present | zero;
flagsOf[RunKind.zeroAllocated] = present | zero | hasOffset;
flagsOf[RunKind.compressed] = present | data | compressed;
flagsOf[RunKind.unallocatedReserved] = zero | hasOffset;

class BatchBuilder implements ExtentBatch {
  count = 0;
  start = new Float64Array(0);
  length = new Float64Array(0);
  offset = new Float64Array(0);
  depth = new Uint16Array(0);
  flags = new Uint8Array(0);

  /** Makes room for `capacity` extents and keeps only the last one, which may still grow. */
  restart(capacity: number, keepLast: boolean): void {
    const last = this.count - 1;
    const kept = keepLast && last >= 0;
    const old = [this.start, this.length, this.offset, this.depth, this.flags] as const;
    if (this.start.length < capacity + 1) {
      this.start = new Float64Array(capacity + 1);
      this.length = new Float64Array(capacity + 1);
      this.offset = new Float64Array(capacity + 1);
      this.depth = new Uint16Array(capacity + 1);
      this.flags = new Uint8Array(capacity + 1);
    }
    this.count = 0;
    if (!kept) return;
    this.start[0] = old[0][last] as number;
    this.length[0] = old[1][last] as number;
    this.offset[0] = old[2][last] as number;
    this.depth[0] = old[3][last] as number;
    this.flags[0] = old[4][last] as number;
    this.count = 1;
  }

  add(start: number, length: number, offset: number, depth: number, flags: number): void {
    const last = this.count - 1;
    if (last >= 0 && this.depth[last] === depth && this.flags[last] === flags) {
      const lastLength = this.length[last] as number;
      if ((flags & hasOffset) === 0 || (this.offset[last] as number) + lastLength === offset) {
        this.length[last] = lastLength + length;
        return;
      }
    }
    const index = this.count++;
    this.start[index] = start;
    this.length[index] = length;
    this.offset[index] = offset;
    this.depth[index] = depth;
    this.flags[index] = flags;
  }
}

/** The extents of `[start, end)`, in batches; the last extent of a batch is complete. */
export async function* mapExtents(
  layers: readonly Layer[],
  start: number,
  end: number,
  options: IoOptions = {},
): AsyncGenerator<ExtentBatch, void, void> {
  const batch = new BatchBuilder();
  let at = start;
  while (at < end) {
    options.signal?.throwIfAborted();
    const mapping = await mapChain(layers, at, end, RUNS_MAX_DEFAULT, options);
    batch.restart(mapping.runs.count, true);
    addRuns(mapping.runs, layers, batch);
    at = mapping.end;
    if (at >= end) yield batch;
    else if (batch.count > 1) {
      batch.count--;
      yield batch;
      batch.count++;
    }
  }
}

function addRuns(runs: RunList, layers: readonly Layer[], batch: BatchBuilder): void {
  const plain = layers.map((layer) => (layer.encrypted ? ~hasOffset : ~0));
  for (let index = 0; index < runs.count; index++) {
    const kind = runs.kind[index] as number;
    const depth = runs.depth[index] as number;
    const start = runs.start[index] as number;
    if (kind === RunKind.invalid) {
      throw invalidRunError((layers[depth] as Layer).label, start, runs.extra[index] as number);
    }
    const flags = (FLAGS[kind] as number) & (plain[depth] as number);
    batch.add(start, runs.length[index] as number, runs.host[index] as number, depth, flags);
  }
}
