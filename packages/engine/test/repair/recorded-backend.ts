// Keeps what is written to a backend, so that a test can ask what a crash would have left. Owns the rule what that may
// be: everything flushed, and of the rest any part, torn at sectors.

import type { MemoryBackend } from "@qcow/backend-memory";
import { ForwardingBackend, type IoOptions } from "@qcow/block";
import type { Random } from "../random.js";

const SECTOR_BYTES = 512;

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class RecordedBackend extends ForwardingBackend {
  readonly #start: MemoryBackend;
  readonly #steps: (Write | "flush")[] = [];

  constructor(inner: MemoryBackend) {
    super(inner);
    this.#start = inner.snapshot();
  }

  /** Writes and flushes so far. */
  get stepCount(): number {
    return this.#steps.length;
  }

  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.#steps.push({ offset, bytes: source.slice() });
    await super.write(offset, source, options);
  }

  override async flush(options?: IoOptions): Promise<void> {
    this.#steps.push("flush");
    await super.flush(options);
  }

  /** The file after a crash behind `steps` steps, all of which had reached it. */
  async inOrder(steps: number): Promise<MemoryBackend> {
    return await this.#replay(steps, async (file, write) => file.write(write.offset, write.bytes));
  }

  /** The file after a crash there, with a random part of what was not flushed, in random order. */
  async torn(steps: number, random: Random): Promise<MemoryBackend> {
    const flushed = this.#steps.lastIndexOf("flush", steps - 1) + 1;
    const file = await this.inOrder(steps === 0 ? 0 : flushed);
    const unflushed = this.#steps.slice(steps === 0 ? 0 : flushed, steps).filter((step) => step !== "flush");
    unflushed.sort(() => (random.chance(0.5) ? 1 : -1));
    for (const write of unflushed) {
      if (random.chance(0.7)) await tear(file, write, random);
    }
    return file;
  }

  async #replay(
    steps: number,
    apply: (file: MemoryBackend, write: Write) => Promise<void>,
  ): Promise<MemoryBackend> {
    const file = this.#start.snapshot();
    for (const step of this.#steps.slice(0, steps)) if (step !== "flush") await apply(file, step);
    return file;
  }
}

async function tear(file: MemoryBackend, { offset, bytes }: Write, random: Random): Promise<void> {
  const share = random.pick([0.1, 0.5, 0.9, 1]);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (random.chance(share)) await file.write(offset + at, bytes.subarray(at, end));
    at = end;
  }
}
