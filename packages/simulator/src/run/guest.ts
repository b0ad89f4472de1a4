// The guest of a run: performs operations on the image and tells the model, and decides which of them may fail. Owns what
// is under way; when things are called and end is the run's business.

import { isBackendError } from "@qcow/block";
import { isEngineError, type Qcow2Image } from "@qcow/engine";
import type { Machine } from "../disk/machine.js";
import type { DiskModel } from "../model/disk-model.js";
import type { GuestWrite } from "../model/guest-write.js";
import { patternBytes } from "../pattern.js";
import type { Operation } from "../plan/operation.js";
import { describeError, Violation } from "../violation.js";

/** An operation of the guest; others are of the run itself. */
export type GuestOperation = Extract<
  Operation,
  { kind: "write" | "compressed" | "zeroes" | "discard" | "read" | "flush" | "resize" }
>;

const SECTOR_BYTES = 512;

/** What may excuse a rejection, as it was when the operation was called. */
interface Circumstances {
  readonly resizes: number;
  readonly faultsSettled: number;
}

export class Guest {
  readonly #image: Qcow2Image;
  readonly #model: DiskModel;
  readonly #machine: Machine;
  readonly #clusterSize: number;
  readonly #trace: (line: string) => void;
  #underWay = 0;
  #resizing = false;
  /** Resizes that were called or have ended. */
  #resizes = 0;
  /** Faults that hit something before the last moment at which nothing was under way. */
  #faultsSettled: number;
  readonly #faultsAtStart: number;
  #poisoned = false;
  #violation: Violation | undefined;
  #count = 0;
  #hasDone = false;

  constructor(
    image: Qcow2Image,
    model: DiskModel,
    machine: Machine,
    clusterSize: number,
    trace: (line: string) => void,
  ) {
    this.#trace = trace;
    this.#image = image;
    this.#model = model;
    this.#machine = machine;
    this.#clusterSize = clusterSize;
    this.#faultsSettled = machine.faultsFired;
    this.#faultsAtStart = machine.faultsFired;
  }

  /** Whether it has asked for more than to read. If not, closing promises nothing about what was there before. */
  get hasDone(): boolean {
    return this.#hasDone;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** A flush has failed: nothing but reading and closing works any more. */
  get isPoisoned(): boolean {
    return this.#poisoned;
  }

  /** Whether something has failed since the image was opened, perhaps in the background. */
  get sawFaults(): boolean {
    return this.#machine.faultsFired > this.#faultsAtStart;
  }

  /** Throws what an operation did wrong. */
  requireInnocent(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** Nothing is under way, here and on the disks: what failed until now excuses nothing that comes. */
  settleFaults(): void {
    this.#faultsSettled = this.#machine.faultsFired;
  }

  /** Whether `operation` may be called now; if not, something under way has to end first. */
  admits(operation: Operation): boolean {
    if (this.#underWay >= operation.together) return false;
    return !this.#resizing || (operation.kind !== "resize" && operation.kind !== "compressed");
  }

  /** Calls `operation`, fitted to the disk. */
  call(operation: GuestOperation): void {
    this.#count++;
    if (operation.kind !== "read") this.#hasDone = true;
    this.#underWay++;
    const circumstances = { resizes: this.#resizes, faultsSettled: this.#faultsSettled };
    const resizing = this.#resizing;
    const number = this.#count;
    this.#trace(`${number} ${this.#describe(operation)}`);
    this.#perform(operation)
      .then(() => this.#trace(`${number} done`))
      .catch((error: unknown) => {
        this.#trace(`${number} rejected: ${describeError(error)}`);
        const outside = isEngineError(error, "QCOW2_OUT_OF_RANGE");
        if (outside && (resizing || circumstances.resizes !== this.#resizes)) return;
        this.#judgeRejection(operation, error, circumstances);
      })
      .finally(() => {
        this.#underWay--;
      })
      .catch(() => undefined);
  }

  #describe(operation: GuestOperation): string {
    if (operation.kind === "flush") return "flush";
    if (operation.kind === "resize") return `resize ${operation.size}`;
    const { offset, length } = this.#fitted(operation);
    return `${operation.kind} ${offset}+${length}`;
  }

  /** The place of `operation` on the disk as it is; without length on a disk without bytes. */
  #fitted({ kind, offset, length }: Exclude<GuestOperation, { kind: "flush" | "resize" }>): {
    offset: number;
    length: number;
  } {
    const size = this.#image.virtualSize;
    if (size === 0) return { offset: 0, length: 0 };
    const inside = offset % size;
    const start = kind === "compressed" ? inside - (inside % this.#clusterSize) : inside;
    return { offset: start, length: Math.min(length, size - start) };
  }

  async #perform(operation: GuestOperation): Promise<void> {
    if (operation.kind === "flush") return await this.#flush();
    if (operation.kind === "resize") return await this.#resize(operation.size);
    const { offset, length } = this.#fitted(operation);
    if (operation.kind === "read") return await this.#read(offset, length);
    const what = `${operation.kind} ${offset}+${length}`;
    if (operation.kind === "write" || operation.kind === "compressed") {
      const bytes = patternBytes(operation.pattern, offset, length);
      // The engine may not keep what it was given: a write that still looks at it later shows.
      const given = bytes.slice();
      const write = this.#model.beginWrite(offset, length, bytes, what);
      await this.#finish(
        write,
        operation.kind === "write"
          ? this.#image.write(offset, given)
          : this.#image.writeCompressed(offset, given),
      );
      given.fill(0xee);
      return;
    }
    const write = this.#model.beginWrite(offset, length, undefined, what);
    await this.#finish(
      write,
      operation.kind === "zeroes"
        ? this.#image.writeZeroes(offset, length, { unmap: operation.unmap })
        : this.#image.discard(offset, length),
    );
  }

  async #finish(write: GuestWrite, promise: Promise<void>): Promise<void> {
    try {
      await promise;
      this.#model.endWrite(write, true);
    } catch (error) {
      this.#model.endWrite(write, false);
      throw error;
    }
  }

  async #read(offset: number, length: number): Promise<void> {
    const target = new Uint8Array(length).fill(0xa5);
    const read = this.#model.beginRead(offset, length);
    try {
      await this.#image.read(offset, target);
    } catch (error) {
      this.#model.dropRead(read);
      throw error;
    }
    const problem = this.#model.endRead(read, target);
    if (problem !== undefined) this.#blame(`read ${offset}+${length}: ${problem}`);
  }

  async #flush(): Promise<void> {
    const called = this.#model.beginFlush();
    await this.#image.flush();
    await this.#machine.settleFlushes();
    this.#model.endFlush(called);
  }

  async #resize(size: number): Promise<void> {
    const rounded = Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
    this.#resizing = true;
    this.#resizes++;
    const resize = this.#model.beginResize(rounded);
    try {
      await this.#image.resize(size, { allowDataLoss: true });
      await this.#machine.settleFlushes();
      this.#model.endResize(resize);
    } catch (error) {
      this.#model.failResize(resize, this.#image.virtualSize);
      throw error;
    } finally {
      this.#resizing = false;
      this.#resizes++;
    }
  }

  /** A rejection is right when a fault is behind it, and says so. */
  #judgeRejection({ kind }: GuestOperation, error: unknown, { faultsSettled }: Circumstances): void {
    const failedFlush = isEngineError(error, "QCOW2_FLUSH_FAILED");
    // A flush in the background may have failed long before the guest is told.
    const before = failedFlush ? this.#faultsAtStart : faultsSettled;
    const hasCause = this.#poisoned || this.#machine.faultsFired > before;
    if (failedFlush && hasCause) this.#poisoned = true;
    const isHonest =
      failedFlush || isBackendError(error, "BACKEND_IO", "BACKEND_SHORT_READ", "BACKEND_CHANGED");
    if (!hasCause || !isHonest) this.#blame(`${kind} rejected: ${describeError(error)}`);
  }

  #blame(message: string): void {
    this.#violation ??= new Violation(message);
  }
}
