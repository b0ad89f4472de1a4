// A host that fails once, at every operation in turn, in every way: nothing hangs, nothing that was flushed is lost,
// every other byte is old or new, no lock stays behind, and a check finds leaks at most.

import { type FaultEffect, FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { isBackendError } from "@qcow/block";
import { describe, expect, test } from "vitest";
import {
  type CreateOptions,
  createImage,
  isEngineError,
  type Qcow2Image,
  readMetadata,
  repairImage,
} from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { expectClean, expectNoCorruption, openReader, openWritable } from "./open-writable.js";
import { SectorValues } from "./sector-values.js";

const C = 1024;
const SIZE = 128 * C;

type Step = (image: Qcow2Image, disk: SectorValues) => Promise<void>;

const write =
  (start: number, sectors: number, value: number): Step =>
  async (image, disk) => {
    const bytes = new Uint8Array(sectors * 512).fill(value);
    await disk.change(start, sectors, value, () => image.write(start * 512, bytes));
  };

const compress =
  (start: number, sectors: number, value: number): Step =>
  async (image, disk) => {
    const bytes = new Uint8Array(sectors * 512).fill(value);
    await disk.change(start, sectors, value, () => image.writeCompressed(start * 512, bytes));
  };

const discard =
  (start: number, sectors: number): Step =>
  async (image, disk) => {
    await disk.change(start, sectors, 0, () => image.discard(start * 512, sectors * 512));
  };

const flush: Step = async (image, disk) => {
  await image.flush();
  disk.flushed();
};

const resize =
  (clusters: number): Step =>
  async (image, disk) => {
    await image.resize(clusters * C, { allowDataLoss: true });
    disk.flushed();
  };

/** A little of everything, with clusters that are used again. */
const STEPS: readonly Step[] = [
  write(0, 20, 1),
  flush,
  write(3, 4, 2),
  compress(40, 12, 3),
  write(200, 3, 4),
  flush,
  discard(0, 9),
  write(60, 5, 5),
  flush,
  write(100, 20, 6),
  compress(40, 2, 7),
  discard(44, 2),
  flush,
  resize(140),
  write(6, 2, 8),
  write(250, 5, 9),
];

async function build(kind: string): Promise<MemoryBackend> {
  if (kind === "snapshot") {
    const builder = new ImageBuilder({ size: SIZE, clusterBits: 10 });
    for (let cluster = 0; cluster < 10; cluster++) builder.data(cluster, new Uint8Array(C).fill(0xd0));
    builder.snapshot("1", "one");
    return (await builder.build()).backend;
  }
  const backend = new MemoryBackend();
  const options: Partial<CreateOptions> = { lazyRefcounts: kind === "lazy" };
  await createImage(backend, { size: SIZE, clusterSize: kind === "tiny" ? 512 : C, ...options });
  return backend;
}

/** Does all steps, and goes on after each failure; gives the failures. */
async function work(image: Qcow2Image, values: SectorValues): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const step of STEPS) await step(image, values).catch((error: unknown) => failures.push(error));
  return failures;
}

async function verify(backend: MemoryBackend, values: SectorValues): Promise<void> {
  const { header } = await readMetadata(backend);
  if ((header.incompatibleFeatures & 1n) === 1n) {
    const repaired = backend.snapshot();
    await repairImage(repaired, { mode: "all" });
    await expectClean(repaired);
  } else await expectNoCorruption(backend);
  const reader = await openReader(backend);
  const bytes = new Uint8Array(Math.min(SIZE, reader.virtualSize));
  await reader.read(0, bytes);
  values.expect(bytes);
}

/** Runs the steps with one fault; gives whether the fault was reached. */
async function runWith(kind: string, nth: number, effect: FaultEffect): Promise<boolean> {
  const backend = await build(kind);
  const faulty = new FaultyBackend(backend);
  const image = await openWritable(faulty);
  const before = faulty.counts.any;
  faulty.add({ operation: "any", nth: before + nth, effect });
  const values = new SectorValues(SIZE / 512, kind === "snapshot" ? 20 : 0, 0xd0);
  const failures = await work(image, values);
  for (const error of failures)
    expect(isBackendError(error) || isEngineError(error, "QCOW2_FLUSH_FAILED"), String(error)).toBe(true);
  // No lock is left, so this ends; it may be refused.
  const whole = new Uint8Array(image.virtualSize);
  await image.read(0, whole).catch(() => image.read(0, whole));
  values.expect(whole.subarray(0, SIZE));
  await verify(backend.snapshot(), values);
  const closed = await image.close().then(
    () => true,
    (error: unknown) => error,
  );
  if (closed === true) values.flushed();
  else
    expect(isBackendError(closed) || isEngineError(closed, "QCOW2_FLUSH_FAILED"), String(closed)).toBe(true);
  await verify(backend, values);
  if (faulty.counts.any >= before + nth) return true;
  await expectClean(backend);
  return false;
}

describe("a host failure at every operation in turn", () => {
  const effects: Record<string, FaultEffect> = {
    "without effect": { kind: "fail" },
    "after it took effect": { kind: "fail-after" },
    "in the middle": { kind: "short", bytes: 512 },
  };
  test.each([
    ["strict", "without effect"],
    ["strict", "after it took effect"],
    ["strict", "in the middle"],
    ["lazy", "without effect"],
    ["lazy", "in the middle"],
    ["tiny", "in the middle"],
    ["snapshot", "after it took effect"],
  ])("%s: %s", async (kind, how) => {
    let nth = 1;
    while (await runWith(kind, nth, effects[how] as FaultEffect).catch((cause) => fail(nth, cause))) nth++;
    expect(nth).toBeGreaterThan(30);
  });
});

describe("a host that takes no writes from some moment on, and then does again", () => {
  test("has everything that succeeded, and goes on", async () => {
    for (let nth = 1; ; nth++) {
      const backend = await build("strict");
      const faulty = new FaultyBackend(backend);
      const image = await openWritable(faulty);
      const values = new SectorValues(SIZE / 512);
      faulty.add({ operation: "write", nth, times: Number.POSITIVE_INFINITY, effect: { kind: "fail" } });
      const failures = await work(image, values);
      for (const error of failures) expect(isBackendError(error, "BACKEND_IO"), String(error)).toBe(true);
      await verify(backend, values);
      faulty.heal();
      await write(5, 3, 99)(image, values);
      await flush(image, values);
      await image.close();
      await verify(backend, values);
      if (failures.length === 0) break;
    }
  });
});

function fail(nth: number, cause: unknown): never {
  throw new Error(`operation ${nth}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
