// What the engine reports while it works. Owns the shape only; metrics, tracing and progress are
// consumers, and an observer that throws is a bug of the caller.

import type { ReadPurpose } from "@qcow/block";

export type GuestOperation = "read" | "write" | "compressed write" | "write zeroes" | "discard" | "flush";

export interface Observer {
  /**
   * An operation of a caller has ended, the waiting for others included. `elapsedMs` is absent without a clock
   * (`time`). `flush` has no range: its offset and length are 0.
   */
  guestOperation?(event: {
    readonly operation: GuestOperation;
    readonly offset: number;
    readonly length: number;
    readonly elapsedMs: number | undefined;
    readonly outcome: "done" | "failed" | "cancelled";
  }): void;
  /** Guest bytes handed to a caller. */
  guestRead?(event: { readonly offset: number; readonly length: number }): void;
  /** One read of the image's (or a layer's) file. */
  hostRead?(event: { readonly offset: number; readonly length: number; readonly purpose: ReadPurpose }): void;
  /** Guest bytes that were taken from a caller. */
  guestWrite?(event: { readonly offset: number; readonly length: number }): void;
  /** Guest bytes that were given up (`discard`) or declared zero (`writeZeroes`). */
  guestDiscard?(event: { readonly offset: number; readonly length: number }): void;
  /** One write of guest data to the image's file, or its data file. */
  hostWrite?(event: { readonly offset: number; readonly length: number }): void;
  /** One flush of the image's files. */
  hostFlush?(event: Record<never, never>): void;
  /** Changes of this many tables became durable. */
  commit?(event: { readonly tables: number }): void;
  /** A caller has been waiting for so long that something is wrong; its operation goes on. */
  slowIo?(event: {
    readonly operation: string;
    readonly offset: number;
    readonly length: number;
    readonly elapsedMs: number;
    /** What is locked, and who waits for it: one line each. */
    readonly holders: readonly string[];
  }): void;
  /** Host clusters went from one state to another (recycling only; docs/compaction.md has the states). */
  clusterState?(event: { readonly from: string; readonly to: string; readonly clusters: number }): void;
  /** One line for a log, about something that went wrong in the background or contradicts itself. */
  diagnostic?(event: { readonly message: string; readonly cause?: unknown }): void;
  /** A metadata table was found in the cache, or had to be read. */
  cacheLookup?(event: { readonly hit: boolean }): void;
}
