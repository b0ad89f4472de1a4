// Files that another process makes longer while they are checked or read.

import { MemoryBackend } from "@qcow/backend-memory";
import { type BlockBackend, ForwardingBackend, type IoOptions, readOnly } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, Qcow2Reader } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";
import { Random } from "./random.js";

const KIB = 1024;
const MIB = 2 ** 20;

function filled(clusterSize: number, value: number): Uint8Array {
  return new Uint8Array(clusterSize).fill(value);
}

/** A file that another process makes longer: each question for its size finds `step` bytes more of what it will be. */
class Growing extends ForwardingBackend {
  #size: number;
  readonly #step: number;

  constructor(inner: BlockBackend, size: number, step: number) {
    super(inner);
    this.#size = size;
    this.#step = step;
  }

  override async size(options?: IoOptions): Promise<number> {
    const size = this.#size;
    this.#size = Math.min(await super.size(options), size + this.#step);
    return size;
  }
}

describe("a check of a file that grows", () => {
  const CLUSTER = 64 * KIB;

  // The last four clusters are not there yet: an L2 table, the L1 table, and the refcounts.
  async function build(step: number) {
    const image = await new ImageBuilder({ size: MIB }).data(0, filled(CLUSTER, 1)).build();
    const size = await image.backend.size();
    return new Growing(image.backend, size - 4 * CLUSTER, step);
  }

  test("is begun anew, at most five times, and says that the answer may be stale", async () => {
    const report = await checkImage(await build(1));
    expect(report).toMatchObject({ attempts: 5, fileChanging: true });
    expect(report.corruptions).toBeGreaterThan(0);
  });

  test("is trusted once nothing is missing any more", async () => {
    const report = await checkImage(await build(CLUSTER));
    expect(report).toMatchObject({ leaks: 0, corruptions: 0, fileChanging: false });
    expect(report.attempts).toBeGreaterThan(1);
  });

  test("is not repeated for a file that stays as it is, damaged as it may be", async () => {
    const report = await checkImage(await build(0));
    expect(report).toMatchObject({ attempts: 1, fileChanging: false });
    expect(report.corruptions).toBeGreaterThan(0);
  });
});

describe("a file that grows while it is read", () => {
  test("gives what was appended after it was opened", async () => {
    const random = new Random(3);
    const bytes = random.bytes(64 * KIB);
    const image = await new ImageBuilder({ size: MIB }).data(0, bytes).build();
    const end = await image.backend.size();
    const reader = await Qcow2Reader.open(readOnly(image.backend));
    await image.backend.write(end, bytes);
    await image.putU64(image.l2EntryOffset(1), BigInt(end));
    const target = new Uint8Array(64 * KIB);
    await reader.read(64 * KIB, target);
    expect(Buffer.compare(target, bytes)).toBe(0);
  });

  test("a memory backend of no bytes is no image", async () => {
    await expect(Qcow2Reader.open(new MemoryBackend())).rejects.toMatchObject({ code: "QCOW2_TRUNCATED" });
  });
});
