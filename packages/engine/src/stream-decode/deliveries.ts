// Brings contents to their places on the disk: clusters that follow each other there go out in one write, compressed
// ones are decompressed several at once. Owns that, and how much is under way; not where the bytes are found.

import type { CompressionBackend, IoOptions } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import { readCompressed } from "../read/read-compressed.js";
import { BufferPool } from "./buffer-pool.js";
import type { GuestTarget } from "./guest-target.js";
import type { StreamWindow } from "./stream-window.js";

/** Bytes of a write whose clusters are put together. */
const BATCH_BYTES = 1024 * 1024;
const BATCHES = 8;
const BATCHES_MIN = 3;
/** All of them together. */
const BATCHES_BYTES_MAX = 12 * 1024 * 1024;

/** A run of the window's bytes that is one on the disk too. */
interface Run {
  readonly guest: number;
  readonly start: number;
  end: number;
}

/** Clusters that follow each other on the disk, being put together. */
interface Batch {
  readonly guest: number;
  readonly buffer: Uint8Array;
  length: number;
  readonly jobs: Promise<void>[];
}

export interface DeliveriesSetup {
  readonly label: string;
  readonly geometry: Geometry;
  readonly target: GuestTarget;
  readonly window: StreamWindow;
  readonly compression: CompressionBackend | undefined;
  readonly options: IoOptions;
  /** Told of the first failure, which then also rejects `settle`. */
  readonly onFailure: (error: unknown) => void;
}

export class Deliveries {
  readonly #setup: DeliveriesSetup;
  readonly #buffers: BufferPool;
  readonly #underWay = new Set<Promise<void>>();
  #run: Run | undefined;
  #batch: Batch | undefined;

  constructor(setup: DeliveriesSetup) {
    this.#setup = setup;
    const bytes = Math.max(BATCH_BYTES, setup.geometry.clusterSize);
    this.#buffers = new BufferPool(
      bytes,
      Math.max(BATCHES_MIN, Math.min(BATCHES, Math.floor(BATCHES_BYTES_MAX / bytes))),
    );
  }

  /** The whole cluster at `start` in the window is that at guest offset `guest`. */
  plain(guest: number, start: number): void {
    const { clusterSize } = this.#setup.geometry;
    const run = this.#run;
    if (run !== undefined && run.end === start && run.guest + run.end - run.start === guest) {
      run.end += clusterSize;
      return;
    }
    this.#flushRun();
    this.#run = { guest, start, end: start + clusterSize };
  }

  /** Contents of a whole cluster that `fill` puts into what it is given; `settled` resolves when that has ended, somehow. */
  async made(
    guest: number,
    fill: (target: Uint8Array) => Promise<void>,
  ): Promise<{ settled: Promise<void> }> {
    const { clusterSize } = this.#setup.geometry;
    const batch = await this.#batchAt(guest);
    const target = batch.buffer.subarray(batch.length, batch.length + clusterSize);
    batch.length += clusterSize;
    const job = fill(target);
    const settled = job.catch((error: unknown) => this.#setup.onFailure(error));
    batch.jobs.push(job);
    if (batch.length + clusterSize > batch.buffer.byteLength) this.#flushBatch();
    return { settled };
  }

  /** The same for a compressed cluster, whose stream begins at `host` in the file. */
  compressed(guest: number, host: number, stream: Uint8Array): Promise<{ settled: Promise<void> }> {
    const { label, geometry, compression, options } = this.#setup;
    const { compressionMethod: method, clusterSize } = geometry;
    return this.made(guest, (target) =>
      readCompressed({ label, method, clusterSize, host }, stream, [{ guest, target }], compression, options),
    );
  }

  /** The open batch if `guest` is its next cluster, else a new one. */
  async #batchAt(guest: number): Promise<Batch> {
    if (this.#batch !== undefined && this.#batch.guest + this.#batch.length === guest) return this.#batch;
    this.#flushBatch();
    this.#batch = { guest, buffer: await this.#buffers.take(), length: 0, jobs: [] };
    return this.#batch;
  }

  /** Sends out what is being gathered. */
  flush(): void {
    this.#flushRun();
    this.#flushBatch();
  }

  #flushRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { target, window } = this.#setup;
    window.work.push(this.#track(target.write(run.guest, window.slice(run.start, run.end))));
  }

  #flushBatch(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    void this.#track(this.#writeBatch(batch));
  }

  async #writeBatch({ guest, buffer, length, jobs }: Batch): Promise<void> {
    const results = await Promise.allSettled(jobs);
    try {
      for (const result of results) if (result.status === "rejected") throw result.reason;
      await this.#setup.target.write(guest, buffer.subarray(0, length));
    } finally {
      this.#buffers.give(buffer);
    }
  }

  /** Does not reject: the failure is told. */
  #track(work: Promise<void>): Promise<void> {
    const tracked = work.catch((error: unknown) => this.#setup.onFailure(error));
    this.#underWay.add(tracked);
    void tracked.then(() => this.#underWay.delete(tracked));
    return tracked;
  }

  /** Resolves once nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    this.flush();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}
