// What a disk may hold, byte by byte: of everything that was written, which versions a read may find, and which a
// crash may leave. Owns that knowledge; knows nothing of images. Offsets and lengths are bytes of the guest.

import { explain } from "./explain.js";
import { type GuestWrite, withoutReplaced } from "./guest-write.js";
import { type Segment, Segments } from "./segments.js";

/** A read that is under way, with what it may find. */
export interface PendingRead {
  readonly offset: number;
  readonly length: number;
  readonly issued: number;
  /** What was possible when it was issued, for all of its range. */
  readonly segments: readonly Segment[];
  /** What was issued since. */
  readonly meanwhile: GuestWrite[];
}

/** A change of size that is under way. */
export interface PendingResize {
  readonly size: number;
  /** The part that the disk loses or gains, which becomes zero. */
  readonly zeroed: GuestWrite;
}

export class DiskModel {
  /** What every byte outside the segments holds, and what the oldest version in them is. */
  readonly #base: Uint8Array;
  /** Stands for the base where a segment says what is possible. */
  readonly #baseWrite: GuestWrite;
  readonly #segments = new Segments();
  readonly #reads = new Set<PendingRead>();
  #tick = 0;
  #size: number;
  /** Sizes that may be found after a crash, `#size` among them. */
  #sizes: Set<number>;
  #resizes = 0;

  /** A disk that durably has `contents`, and never gets longer than `capacity`. */
  constructor(contents: Uint8Array, capacity: number) {
    this.#base = new Uint8Array(Math.max(capacity, contents.length));
    this.#base.set(contents);
    this.#baseWrite = {
      offset: 0,
      length: this.#base.length,
      bytes: this.#base,
      what: "what was durable",
      issued: -1,
      ended: -1,
      acknowledged: true,
    };
    this.#size = contents.length;
    this.#sizes = new Set([this.#size]);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether a disk of `size` bytes may be found after a crash. */
  allowsSize(size: number): boolean {
    return this.#sizes.has(size);
  }

  /** An operation that changes a range is called; `bytes` are absent where it becomes zero. */
  beginWrite(offset: number, length: number, bytes: Uint8Array | undefined, what: string): GuestWrite {
    const issued = this.#now();
    const write = {
      offset,
      length,
      bytes,
      what,
      issued,
      ended: Number.POSITIVE_INFINITY,
      acknowledged: false,
    };
    for (const segment of this.#cover(offset, offset + length)) {
      segment.current = [...segment.current, write];
      segment.survivors = [...segment.survivors, write];
    }
    for (const read of this.#reads) read.meanwhile.push(write);
    return write;
  }

  /** It resolved, or rejected. */
  endWrite(write: GuestWrite, acknowledged: boolean): void {
    write.ended = this.#now();
    write.acknowledged = acknowledged;
    if (!acknowledged) return;
    for (const segment of this.#segments.all) {
      if (segment.current.includes(write)) segment.current = withoutReplaced(segment.current, write);
    }
  }

  /** A flush is called; what it covers is told by the answer. */
  beginFlush(): number {
    return this.#now();
  }

  /** It resolved: what had been acknowledged when it was called is durable. */
  endFlush(called: number): void {
    for (const segment of this.#segments.all) {
      for (const write of segment.survivors) {
        if (write.acknowledged && write.ended <= called)
          segment.survivors = withoutReplaced(segment.survivors, write);
      }
    }
    this.#segments.filter((segment) => !this.#settle(segment));
    if (this.#resizes === 0) this.#settleSize();
  }

  beginRead(offset: number, length: number): PendingRead {
    // What is settled while the read is under way changes the base.
    const base = { ...this.#baseWrite, offset, length, bytes: this.#base.slice(offset, offset + length) };
    const segments: Segment[] = [];
    let at = offset;
    const add = (end: number, current: readonly GuestWrite[]): void => {
      if (at < end) segments.push({ start: at, end, current, survivors: current });
      at = end;
    };
    for (const { start, end, current } of this.#segments.within(offset, offset + length)) {
      add(start, [base]);
      add(
        end,
        current.map((write) => (write === this.#baseWrite ? base : write)),
      );
    }
    add(offset + length, [base]);
    const read = { offset, length, issued: this.#now(), segments, meanwhile: [] };
    this.#reads.add(read);
    return read;
  }

  /** It rejected, so that nothing was learnt. */
  dropRead(read: PendingRead): void {
    this.#reads.delete(read);
  }

  /** It found `found`: gives what is wrong with that. Where any of several versions could be, it is known now. */
  endRead(read: PendingRead, found: Uint8Array): string | undefined {
    this.#reads.delete(read);
    const { offset, segments, meanwhile } = read;
    const problem = explain(found, offset, this.#base, segments, ({ current }) => [...current, ...meanwhile]);
    if (problem !== undefined) return problem;
    for (const { start, end, current } of segments) {
      const isSettled = current.every(({ ended }) => ended < read.issued);
      const untouched = meanwhile.every(
        (write) => write.offset >= end || write.offset + write.length <= start,
      );
      if (current.length > 1 && isSettled && untouched)
        this.#observe(start, found.subarray(start - offset, end - offset), read.issued);
    }
    return undefined;
  }

  /** A change of size is called. */
  beginResize(size: number): PendingResize {
    this.#resizes++;
    this.#sizes.add(size);
    const start = Math.min(size, this.#size);
    const length = Math.abs(size - this.#size);
    return { size, zeroed: this.beginWrite(start, length, undefined, `the resize to ${size}`) };
  }

  /** It resolved, so that the new size is durable; what the disk lost is lost, and what it gained is zero. */
  endResize({ size, zeroed }: PendingResize): void {
    this.#resizes--;
    this.endWrite(zeroed, true);
    this.#forgetFrom(Math.min(size, this.#size));
    this.#size = size;
    if (this.#resizes === 0) this.#settleSize();
  }

  /** It rejected, and the disk says that it has `size` bytes now. */
  failResize({ zeroed }: PendingResize, size: number): void {
    this.#resizes--;
    this.endWrite(zeroed, false);
    this.#size = size;
  }

  /** Gives what is wrong with `found` as the whole disk after a crash. */
  judgeCrash(found: Uint8Array): string | undefined {
    if (!this.allowsSize(found.length))
      return `the disk has ${found.length} bytes, but may only have ${[...this.#sizes].join(" or ")}`;
    const segments = [...this.#segments.within(0, found.length)];
    return explain(found, 0, this.#base, segments, ({ survivors }) => survivors);
  }

  /**
   * The process ended without finishing, and whoever opened the disk next found `found`, which `judgeCrash` has
   * nothing against. It is not durable by that.
   */
  restart(found: Uint8Array): void {
    const issued = this.#now();
    this.#reads.clear();
    this.#resizes = 0;
    this.#size = found.length;
    for (const segment of this.#segments.all) {
      for (const write of segment.survivors) write.ended = Math.min(write.ended, issued - 1);
      segment.current = segment.survivors;
    }
    this.#tick++;
    for (const { start, end } of [...this.#segments.within(0, found.length)])
      this.#observe(start, found.subarray(start, end), this.#tick);
  }

  /** The size is durable; what lies behind it is lost. */
  #settleSize(): void {
    this.#sizes = new Set([this.#size]);
    this.#forgetFrom(this.#size);
  }

  #forgetFrom(offset: number): void {
    this.#segments.cut(offset);
    this.#base.fill(0, offset);
  }

  // From `issued` on, the range at `start` is known to hold `bytes`; it is not durable by that.
  #observe(start: number, bytes: Uint8Array, issued: number): void {
    const observed: GuestWrite = {
      offset: start,
      length: bytes.length,
      bytes: bytes.slice(),
      what: "what was read",
      issued,
      ended: this.#now(),
      acknowledged: true,
    };
    for (const segment of this.#cover(start, start + bytes.length)) {
      segment.current = [observed];
      segment.survivors = [...segment.survivors, observed];
    }
  }

  /** Whether only one version is left, which then becomes the base. */
  #settle({ start, end, current, survivors }: Segment): boolean {
    const only = survivors[0] as GuestWrite;
    if (survivors.length > 1 || current.length > 1 || current[0] !== only) return false;
    if (only.bytes === undefined) this.#base.fill(0, start, end);
    else if (only !== this.#baseWrite)
      this.#base.set(only.bytes.subarray(start - only.offset, end - only.offset), start);
    return true;
  }

  #cover(start: number, end: number): Segment[] {
    if (start >= end) return [];
    const base = [this.#baseWrite];
    return this.#segments.cover(start, end, (from, to) => ({
      start: from,
      end: to,
      current: base,
      survivors: base,
    }));
  }

  #now(): number {
    this.#tick++;
    return this.#tick;
  }
}
