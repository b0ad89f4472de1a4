// What the engine does for one image, counted. Owns the hot path: an observer whose reports change numbers in place,
// without looking anything up and without allocating anything; metrics are made of the numbers when somebody asks.

import type { Observer } from "@qcow/engine";
import { OPERATIONS, type Operation, operationIndex } from "./guest-operations.js";
import { LatencyBuckets } from "./latency-buckets.js";

type Event<Name extends keyof Observer> = Parameters<NonNullable<Observer[Name]>>[0];

export class EngineCounters implements Observer {
  /** By operation, as `OPERATIONS` has them. */
  readonly operations = new Float64Array(OPERATIONS.length);
  readonly operationBytes = new Float64Array(OPERATIONS.length);
  readonly failures = new Float64Array(OPERATIONS.length);
  readonly cancellations = new Float64Array(OPERATIONS.length);
  readonly latencies = OPERATIONS.map(() => new LatencyBuckets());
  /** Of the image's files: contents, and tables. */
  contentReads = 0;
  contentReadBytes = 0;
  metadataReads = 0;
  metadataReadBytes = 0;
  hostWrites = 0;
  hostWriteBytes = 0;
  hostFlushes = 0;
  commits = 0;
  committedTables = 0;
  cacheHits = 0;
  cacheMisses = 0;
  slowOperations = 0;
  diagnostics = 0;

  /** Bytes of all that succeeded. */
  bytesOf(operation: Operation): number {
    return this.operationBytes[OPERATIONS.indexOf(operation)] as number;
  }

  guestOperation({ operation, length, elapsedMs, outcome }: Event<"guestOperation">): void {
    const index = operationIndex(operation);
    if (outcome === "done") {
      this.operations[index] = (this.operations[index] as number) + 1;
      this.operationBytes[index] = (this.operationBytes[index] as number) + length;
      if (elapsedMs !== undefined) (this.latencies[index] as LatencyBuckets).observe(elapsedMs);
    } else {
      const counts = outcome === "failed" ? this.failures : this.cancellations;
      counts[index] = (counts[index] as number) + 1;
    }
  }

  hostRead({ length, purpose }: Event<"hostRead">): void {
    if (purpose === "contents") {
      this.contentReads++;
      this.contentReadBytes += length;
    } else {
      this.metadataReads++;
      this.metadataReadBytes += length;
    }
  }

  hostWrite({ length }: Event<"hostWrite">): void {
    this.hostWrites++;
    this.hostWriteBytes += length;
  }

  hostFlush(): void {
    this.hostFlushes++;
  }

  commit({ tables }: Event<"commit">): void {
    this.commits++;
    this.committedTables += tables;
  }

  cacheLookup({ hit }: Event<"cacheLookup">): void {
    if (hit) this.cacheHits++;
    else this.cacheMisses++;
  }

  slowIo(): void {
    this.slowOperations++;
  }

  diagnostic(): void {
    this.diagnostics++;
  }
}
