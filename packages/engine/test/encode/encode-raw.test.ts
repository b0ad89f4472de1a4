import { MemoryBackend } from "@qcow/backend-memory";
import { withCounting } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { checkImage, createImage, encodeRaw, Qcow2Image } from "../../src/index.js";
import { Random } from "../random.js";
import { compression } from "../streams.js";

const CLUSTER = 4096;

async function newImage(size: number): Promise<MemoryBackend> {
  const file = new MemoryBackend({ label: "new" });
  await createImage(file, { size, clusterSize: CLUSTER });
  return file;
}

async function encoded(raw: Uint8Array, file: MemoryBackend, compress: boolean): Promise<Uint8Array> {
  const image = await Qcow2Image.open(file, { compression });
  await encodeRaw(MemoryBackend.fromBytes(raw), image, { compress });
  const disk = new Uint8Array(image.virtualSize);
  await image.read(0, disk);
  await image.close();
  return disk;
}

function sparseDisk(length: number): Uint8Array {
  const random = new Random(length);
  const raw = new Uint8Array(length);
  for (let at = 0; at + 3 * CLUSTER < length; at += random.between(1, 9) * CLUSTER) {
    raw.set(random.text(random.between(1, 2 * CLUSTER)), at + random.below(CLUSTER));
  }
  return raw;
}

describe("encodeRaw", () => {
  it.each([false, true])("copies a raw disk and leaves zeros out (compressed: %s)", async (compress) => {
    const raw = sparseDisk(3_000_000);
    const file = await newImage(raw.byteLength);
    const disk = await encoded(raw, file, compress);
    expect(Buffer.compare(disk.subarray(0, raw.byteLength), raw)).toBe(0);
    const report = await checkImage(file);
    expect(report).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
    const used = Array.from({ length: Math.ceil(raw.byteLength / CLUSTER) }, (_, index) =>
      raw.subarray(index * CLUSTER, (index + 1) * CLUSTER).some((byte) => byte !== 0),
    );
    expect(report.allocatedClusters).toBe(used.filter(Boolean).length);
    expect(report.compressedClusters > 0).toBe(compress);
  });

  it("gives the same image for the same disk", async () => {
    const raw = sparseDisk(2_000_000);
    const images = await Promise.all(
      [1, 2].map(async () => {
        const file = await newImage(raw.byteLength);
        await encoded(raw, file, false);
        return file.toBytes();
      }),
    );
    expect(Buffer.compare(images[0] as Uint8Array, images[1] as Uint8Array)).toBe(0);
  });

  it("writes zeros over what the image held before", async () => {
    const file = await newImage(20 * CLUSTER);
    await encoded(new Uint8Array(20 * CLUSTER).fill(7), file, false);
    const raw = new Uint8Array(20 * CLUSTER).fill(9, 5 * CLUSTER, 6 * CLUSTER);
    expect(Buffer.compare(await encoded(raw, file, false), raw)).toBe(0);
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it("pads a disk that ends within a sector", async () => {
    const file = await newImage(1024);
    const disk = await encoded(new Uint8Array(700).fill(3), file, false);
    expect([...disk.subarray(698, 702)]).toEqual([3, 3, 0, 0]);
    expect(disk.byteLength).toBe(1024);
  });

  it("reads no holes that the host knows", async () => {
    const raw = new MemoryBackend({ size: 64 * 1024 * 1024 });
    await raw.write(32 * 1024 * 1024, new Uint8Array(CLUSTER).fill(1));
    const counted = withCounting(raw);
    const file = await newImage(64 * 1024 * 1024);
    const image = await Qcow2Image.open(file);
    await encodeRaw(counted, image);
    await image.close();
    expect(counted.counters.bytesRead).toBeLessThanOrEqual(CLUSTER);
  });

  it("refuses a disk that is longer than the image's", async () => {
    const image = await Qcow2Image.open(await newImage(1024));
    const raw = new MemoryBackend({ size: 2048 });
    await expect(encodeRaw(raw, image)).rejects.toMatchObject({ code: "QCOW2_OUT_OF_RANGE" });
    await image.close();
  });

  it("stops when it is cancelled, and leaves a consistent image", async () => {
    const file = await newImage(20 * 1024 * 1024);
    const image = await Qcow2Image.open(file);
    const stop = new AbortController();
    const raw = MemoryBackend.fromBytes(new Uint8Array(20 * 1024 * 1024).fill(1));
    const onProgress = (): void => stop.abort(new Error("enough"));
    await expect(encodeRaw(raw, image, { signal: stop.signal, onProgress })).rejects.toThrow("enough");
    await image.close();
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });
});
