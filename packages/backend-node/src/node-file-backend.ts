// An open file or block device as a backend. Owns the descriptor's life: operations count themselves
// in and out, so that close never frees a descriptor that a read is still using. Opening is open-file's.

import {
  BackendError,
  type BlockBackend,
  checkRange,
  type DataRange,
  type IoOptions,
  type ReadableBlockBackend,
  type TimeBackend,
} from "@qcow/block";
import { CachedReads } from "./cached-reads.js";
import { deviceSize } from "./device-size.js";
import type { FileStats, FileSystem, HostError } from "./file-system.js";
import { hostError } from "./host-error.js";
import type { LockState } from "./image-lock.js";
import type { Libc } from "./libc.js";
import { type Descriptor, readFully, writeFully } from "./positional-io.js";
import { ShortWrites } from "./short-writes.js";
import { findData, punchDevice, punchFile, reserve } from "./sparse-file.js";
import { systemClock } from "./system-clock.js";
import { Turns } from "./turns.js";

/** An open descriptor, and what was found out about it. */
export interface OpenedFile extends Descriptor {
  readonly identity: string;
  readonly isDevice: boolean;
  readonly lock: LockState;
  /** The calls that node:fs lacks, where they were asked for and the host has them. */
  readonly libc: Libc | undefined;
  /** See `OpenFileOptions`. */
  readonly atOnceBytes?: number | undefined;
}

/** What an open file can tell beyond the contracts. */
export interface HostFile {
  /** Whether the lock that was asked for is held, or is not to be had on this host. */
  readonly lock: LockState;
}

export class NodeFileReader implements ReadableBlockBackend, HostFile {
  declare readonly nextData?: (offset: number, options?: IoOptions) => Promise<DataRange | undefined>;
  readonly label: string;
  readonly identity: string;
  readonly lock: LockState;
  protected readonly file: OpenedFile;
  protected readonly turns = new Turns();
  readonly #cached: CachedReads | undefined;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(file: OpenedFile) {
    this.file = file;
    this.label = file.label;
    this.identity = file.identity;
    this.lock = file.lock;
    const { libc } = file;
    if (libc !== undefined) this.#cached = new CachedReads(libc, file.fd, file.atOnceBytes);
    // No device tells what in it is zero.
    if (libc === undefined || file.isDevice) return;
    this.nextData = (offset, options) =>
      this.run(offset, 0, options, async () => findData(libc, file, offset));
  }

  size(options?: IoOptions): Promise<number> {
    return this.run(0, 0, options, () => sizeOf(this.file));
  }

  read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    return this.run(offset, target.length, options, async () => {
      const turn = this.turns.next();
      if (turn !== undefined) await turn;
      const done = this.#cached?.read(offset, target) ?? 0;
      if (done < target.length) await readFully(this.file, offset, target, options?.signal, done);
    });
  }

  readNow(offset: number, target: Uint8Array): boolean {
    if (this.#closed !== undefined || this.#cached === undefined) return false;
    if (!Number.isSafeInteger(offset) || offset < 0 || !this.turns.goesOn()) return false;
    return this.#cached.read(offset, target) === target.length;
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeWhenIdle();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs one operation on the descriptor, which stays open until it ends. */
  protected async run<T>(
    offset: number,
    length: number,
    options: IoOptions | undefined,
    operation: () => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) throw closedError(this.label);
    checkRange(offset, length, this.label);
    options?.signal?.throwIfAborted();
    this.#inFlight += 1;
    try {
      return await operation();
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#onIdle?.();
    }
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await settled("close", this.file, (fs, fd, done) => fs.close(fd, done));
  }
}

export class NodeFileBackend extends NodeFileReader implements BlockBackend {
  declare readonly discard?: (offset: number, length: number, options?: IoOptions) => Promise<void>;
  declare readonly allocate?: (offset: number, length: number, options?: IoOptions) => Promise<void>;
  readonly #short: ShortWrites;
  #failedFlush: BackendError | undefined;

  constructor(file: OpenedFile, time: TimeBackend = systemClock) {
    super(file);
    this.#short = new ShortWrites(file, time, file.atOnceBytes);
    const { libc } = file;
    if (libc === undefined) return;
    const punch = file.isDevice ? punchDevice : punchFile;
    this.discard = (offset, length, options) =>
      this.run(offset, length, options, () => punch(libc, file, offset, length));
    if (file.isDevice) return;
    this.allocate = (offset, length, options) =>
      this.run(offset, length, options, () => reserve(libc, file, offset, length));
  }

  /** Whether it is a block device, whose length is fixed. */
  get isDevice(): boolean {
    return this.file.isDevice;
  }

  write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    return this.run(offset, source.length, options, async () => {
      const turn = this.turns.next();
      if (turn !== undefined) await turn;
      const done = this.#short.write(offset, source);
      if (done < source.length) await writeFully(this.file, offset, source, options?.signal, done);
    });
  }

  resize(size: number, options?: IoOptions): Promise<void> {
    return this.run(size, 0, options, async () => {
      if (this.file.isDevice) return checkDeviceSize(this.file, size);
      await settled("resize", this.file, (fs, fd, done) => fs.ftruncate(fd, size, done));
    });
  }

  flush(options?: IoOptions): Promise<void> {
    return this.run(0, 0, options, () => this.#flush());
  }

  /**
   * After a failed flush the host may have dropped what it could not write, and a second fdatasync would succeed
   * without it. So one failure stays: no later flush of this backend claims that anything is durable.
   */
  async #flush(): Promise<void> {
    if (this.#failedFlush !== undefined) throw this.#failedFlush;
    try {
      await settled("flush", this.file, (fs, fd, done) => fs.fdatasync(fd, done));
    } catch (error) {
      if (error instanceof BackendError) this.#failedFlush = error;
      throw error;
    }
  }
}

async function sizeOf(file: OpenedFile): Promise<number> {
  const stats = await new Promise<FileStats>((resolve, reject) => {
    file.fs.fstat(file.fd, { bigint: true }, (error, value) => {
      if (error) reject(hostError("ask the size of", file.label, error));
      else resolve(value);
    });
  });
  return file.isDevice ? deviceSize(file, stats) : Number(stats.size);
}

/** A device cannot be resized; asking for the size that it has is fine. */
async function checkDeviceSize(file: OpenedFile, size: number): Promise<void> {
  const present = await sizeOf(file);
  if (size === present) return;
  const message = `cannot resize ${file.label}: a block device of ${present} bytes`;
  throw new BackendError("BACKEND_UNSUPPORTED", message, { label: file.label });
}

/** Runs a call of the host that answers with nothing but an error. */
function settled(
  action: string,
  { fs, fd, label }: Descriptor,
  call: (fs: FileSystem, fd: number, done: (error: HostError | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call(fs, fd, (error) => (error ? reject(hostError(action, label, error)) : resolve()));
  });
}

function closedError(label: string): BackendError {
  return new BackendError("BACKEND_CLOSED", `${label}: used after close`, { label });
}
