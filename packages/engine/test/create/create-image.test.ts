import { MemoryBackend } from "@qcow/backend-memory";
import { BackendError, type BlockBackend, ForwardingBackend, withCounting } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { type CreateOptions, checkImage, createImage, Qcow2Image, Qcow2Reader } from "../../src/index.js";
import { compression } from "../streams.js";
import { FixedBackend, OLD_BYTE } from "./fixed-backend.js";

/** A backend whose optional members can be replaced. */
class Forwarding extends ForwardingBackend {}

class Unreserving extends ForwardingBackend {
  constructor(inner: BlockBackend) {
    super(inner);
    Reflect.deleteProperty(this, "allocate");
  }
}

const KiB = 1024;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

async function expectClean(backend: MemoryBackend, allocatedClusters: number): Promise<void> {
  const { corruptions, leaks, checkErrors, ...report } = await checkImage(backend);
  expect({ corruptions, leaks, checkErrors }).toEqual({ corruptions: 0, leaks: 0, checkErrors: 0 });
  expect(report.allocatedClusters).toBe(allocatedClusters);
}

async function contents(backend: MemoryBackend, data?: BlockBackend): Promise<Uint8Array> {
  const openReference = async () => ({ backend: data as BlockBackend });
  const reader = await Qcow2Reader.open(backend, { compression, openReference });
  const disk = new Uint8Array(reader.virtualSize);
  await reader.read(0, disk);
  return disk;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const SHAPES: Partial<CreateOptions>[] = [
  {},
  { version: 2 },
  { clusterSize: 512, refcountBits: 1 },
  { clusterSize: 512, refcountBits: 64, lazyRefcounts: false },
  { clusterSize: 16 * KiB, extendedL2: true, compressionMethod: "zstd" },
  { clusterSize: 2 * MiB, refcountBits: 8 },
];

describe.each(SHAPES)("an image like %j", (shape) => {
  test.each(["off", "metadata", "falloc", "full"] as const)(
    "with preallocation %s is clean, reads as zero, and takes writes",
    async (preallocation) => {
      const backend = new MemoryBackend();
      const size = 1000 * KiB;
      await createImage(backend, { ...shape, size, preallocation });
      const clusters = preallocation === "off" ? 0 : Math.ceil(size / (shape.clusterSize ?? 64 * KiB));
      await expectClean(backend, clusters);
      expect(isZero(await contents(backend))).toBe(true);
      const image = await Qcow2Image.open(backend, { compression });
      await image.write(700, new Uint8Array(300_000).fill(7));
      await image.close();
      const disk = await contents(backend);
      expect(disk.subarray(700, 300_700).every((byte) => byte === 7)).toBe(true);
      expect(isZero(disk.subarray(0, 700)) && isZero(disk.subarray(300_700))).toBe(true);
      expect((await checkImage(backend)).corruptions).toBe(0);
    },
  );
});

test("the old contents are gone, in front and behind", async () => {
  const backend = MemoryBackend.fromBytes(new Uint8Array(3 * MiB).fill(OLD_BYTE));
  await createImage(backend, { size: MiB, preallocation: "metadata" });
  expect(await backend.size()).toBe((5 + 16) * 64 * KiB);
  expect(isZero(await contents(backend))).toBe(true);
});

test("what is zero is not written: an image of 1 PiB takes a few sectors", async () => {
  const backend = new MemoryBackend();
  const counting = withCounting(backend);
  await createImage(counting, { size: 2 ** 50 });
  expect(counting.counters.bytesWritten).toBeLessThan(8 * KiB);
  expect(await backend.size()).toBe((3 + 256) * 64 * KiB);
  await expectClean(backend, 0);
});

test("tables of gigabytes of disk are written in large pieces of bounded size", async () => {
  const backend = new MemoryBackend();
  const counting = withCounting(backend);
  const { counters } = counting;
  await createImage(counting, { size: 64 * GiB, preallocation: "metadata" });
  // 128 L2 tables of 64 KiB.
  expect(counters.bytesWritten).toBeGreaterThan(8 * MiB);
  expect(counters.writes).toBeLessThan(20);
  await expectClean(backend, MiB);
});

describe("space for the disk is", () => {
  const options = { size: 5 * MiB } as const;

  test("reserved by falloc, where the host can", async () => {
    const backend = withCounting(new MemoryBackend());
    await createImage(backend, { ...options, preallocation: "falloc" });
    expect(backend.counters).toMatchObject({ allocations: 1, bytesAllocated: 5 * MiB });
    expect(backend.counters.bytesWritten).toBeLessThan(MiB);
  });

  test("filled with zeros by falloc, where it cannot", async () => {
    const backend = withCounting(new Unreserving(new MemoryBackend()));
    await createImage(backend, { ...options, preallocation: "falloc" });
    expect(backend.counters.bytesWritten).toBeGreaterThan(5 * MiB);
  });

  test("filled with zeros by falloc, where the file system refuses", async () => {
    const allocate = async (): Promise<void> => {
      throw new BackendError("BACKEND_UNSUPPORTED", "not here");
    };
    const backend = withCounting(Object.assign(new Forwarding(new MemoryBackend()), { allocate }));
    await createImage(backend, { ...options, preallocation: "falloc" });
    expect(backend.counters.bytesWritten).toBeGreaterThan(5 * MiB);
  });

  test("filled with zeros by full", async () => {
    const backend = withCounting(new MemoryBackend());
    await createImage(backend, { ...options, preallocation: "full" });
    expect(backend.counters.bytesWritten).toBeGreaterThan(5 * MiB);
  });
});

describe("an external data file", () => {
  test.each(["off", "metadata", "full"] as const)("is made, with preallocation %s", async (preallocation) => {
    const backend = new MemoryBackend();
    const data = MemoryBackend.fromBytes(new Uint8Array(5 * MiB).fill(OLD_BYTE));
    const dataFile = { name: "data", backend: data };
    await createImage(backend, { size: 1000 * KiB, preallocation, dataFile });
    expect(await data.size()).toBe(1000 * KiB);
    expect(isZero(data.toBytes())).toBe(true);
    await expectClean(backend, preallocation === "off" ? 0 : 16);
    expect(isZero(await contents(backend, data))).toBe(true);
    expect(await backend.size()).toBe((preallocation === "off" ? 4 : 5) * 64 * KiB);
  });

  test("that is raw is the disk", async () => {
    const backend = new MemoryBackend();
    const data = new MemoryBackend();
    await createImage(backend, { size: MiB, dataFile: { name: "data", raw: true, backend: data } });
    await data.write(300_000, new Uint8Array(10).fill(5));
    expect((await contents(backend, data)).subarray(300_000, 300_010).every((byte) => byte === 5)).toBe(true);
  });

  test("cannot be the image itself, which stays as it was", async () => {
    const backend = MemoryBackend.fromBytes(new Uint8Array(1000).fill(OLD_BYTE), { identity: "one" });
    const other = new MemoryBackend({ identity: "one" });
    for (const data of [backend, other]) {
      const dataFile = { name: "data", backend: data };
      await expect(createImage(backend, { size: MiB, dataFile })).rejects.toMatchObject({
        code: "QCOW2_BAD_OPTION",
      });
    }
    expect(backend.toBytes().every((byte) => byte === OLD_BYTE)).toBe(true);
  });
});

describe("a device", () => {
  test.each([
    {},
    { version: 2 },
    { clusterSize: 512, refcountBits: 64 },
    { clusterSize: 16 * KiB, extendedL2: true },
  ] as const)("gets an image like %j, and nothing it held shows", async (shape) => {
    for (const preallocation of ["off", "metadata", "falloc", "full"] as const) {
      const device = new FixedBackend(4 * MiB);
      await createImage(device, { ...shape, size: 1000 * KiB, preallocation });
      const { corruptions, leaks } = await checkImage(device);
      expect({ preallocation, corruptions, leaks }).toEqual({ preallocation, corruptions: 0, leaks: 0 });
      expect(isZero(await contents(device.memory))).toBe(true);
      expect(await device.size()).toBe(4 * MiB);
    }
  });

  test("that can discard is not filled with zeros", async () => {
    const device = new FixedBackend(4 * MiB);
    const { memory } = device;
    Object.assign(device, { discard: memory.discard.bind(memory) });
    const counting = withCounting(device);
    await createImage(counting, { size: 2 * MiB, preallocation: "metadata" });
    expect(counting.counters.bytesWritten).toBeLessThan(MiB);
    expect(isZero(await contents(memory))).toBe(true);
  });

  test("as a raw data file reads as zero", async () => {
    const data = new FixedBackend(2 * MiB);
    const dataFile = { name: "data", raw: true, backend: data };
    await createImage(new MemoryBackend(), { size: MiB, dataFile });
    expect(isZero(data.memory.toBytes(0, MiB))).toBe(true);
    expect(data.memory.toBytes(MiB).every((byte) => byte === OLD_BYTE)).toBe(true);
  });

  test("that is too small is refused and left alone, as are the files beside it", async () => {
    const device = new FixedBackend(MiB);
    const old = MemoryBackend.fromBytes(new Uint8Array(MiB).fill(OLD_BYTE));
    const refusal = { code: "QCOW2_BAD_OPTION", message: expect.stringContaining("cannot grow") };
    await expect(createImage(device, { size: MiB, preallocation: "full" })).rejects.toMatchObject(refusal);
    const dataFile = { name: "data", backend: device };
    await expect(createImage(old, { size: 2 * MiB, dataFile })).rejects.toMatchObject(refusal);
    for (const bytes of [device.memory.toBytes(), old.toBytes()])
      expect(bytes.every((byte) => byte === OLD_BYTE)).toBe(true);
  });
});

test("options that are refused leave the old contents alone", async () => {
  const backend = MemoryBackend.fromBytes(new Uint8Array(1000).fill(OLD_BYTE));
  for (const options of [{ size: -1 }, { size: MiB, clusterSize: 3 }, { size: 2 ** 52 }])
    await expect(createImage(backend, options)).rejects.toMatchObject({ code: "QCOW2_BAD_OPTION" });
  expect(backend.toBytes()).toEqual(new Uint8Array(1000).fill(OLD_BYTE));
});

test("progress grows to the total, which counts tables and preallocated data", async () => {
  const steps: { done: number; total: number }[] = [];
  await createImage(new MemoryBackend(), {
    size: 8 * MiB,
    preallocation: "full",
    onProgress: (step) => steps.push(step),
  });
  const total = steps[0]?.total ?? 0;
  expect(total).toBeGreaterThan(8 * MiB);
  expect(
    steps.every((step, index) => step.total === total && step.done > (steps[index - 1]?.done ?? 0)),
  ).toBe(true);
  expect(steps.at(-1)?.done).toBe(total);
});

test("a cancelled image is none", async () => {
  const backend = new MemoryBackend();
  const stop = new AbortController();
  const reason = new Error("enough");
  const work = createImage(backend, {
    size: 64 * MiB,
    preallocation: "full",
    signal: stop.signal,
    onProgress: ({ done }) => {
      if (done > 8 * MiB) stop.abort(reason);
    },
  });
  await expect(work).rejects.toBe(reason);
  expect(isZero(backend.toBytes(0, 512))).toBe(true);
});
