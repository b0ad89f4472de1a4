// Power losses while an image is made over an old one: the file is always the old image, no image, or the new one.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { expect, test } from "vitest";
import { type CreateOptions, checkImage, createImage, Qcow2Image, Qcow2Reader } from "../../src/index.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { compression } from "../streams.js";

const OLD_SIZE = 3 * 512 * 1024;

async function oldImage(): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  await createImage(backend, { size: OLD_SIZE, clusterSize: 4096, refcountBits: 8 });
  const image = await Qcow2Image.open(backend, { compression, refcounts: "strict" });
  await image.write(0, new Uint8Array(OLD_SIZE).fill(0xaa));
  await image.close();
  return backend;
}

function choose(random: Random, data: CrashingBackend): CreateOptions {
  const clusterSize = random.pick([512, 4096, 65536]);
  const withData = random.chance(0.3);
  return {
    size: random.pick([0, 512, 100_000, 2_000_000]),
    clusterSize,
    refcountBits: random.pick([1, 16, 64]),
    preallocation: random.pick(["off", "metadata", "falloc", "full"] as const),
    extendedL2: clusterSize === 65536 && random.chance(0.5),
    ...(withData ? { dataFile: { name: "data.raw", raw: random.chance(0.5), backend: data } } : {}),
  };
}

/** Which image it is; rejects when it is something between the two. */
async function judge(image: MemoryBackend, data: MemoryBackend, options: CreateOptions): Promise<string> {
  const head = image.toBytes(0, 4);
  if (!(head[0] === 0x51 && head[1] === 0x46)) return "none";
  const { corruptions, leaks, checkErrors } = await checkImage(image);
  expect({ corruptions, leaks, checkErrors }).toEqual({ corruptions: 0, leaks: 0, checkErrors: 0 });
  const reader = await Qcow2Reader.open(image, {
    compression,
    openReference: async () => ({ backend: data }),
  });
  const disk = new Uint8Array(reader.virtualSize);
  await reader.read(0, disk);
  const isOld = reader.virtualSize === OLD_SIZE;
  expect(reader.virtualSize).toBe(isOld ? OLD_SIZE : Math.ceil(options.size / 512) * 512);
  expect(disk.every((byte) => byte === (isOld ? 0xaa : 0))).toBe(true);
  return isOld ? "old" : "new";
}

test("after a crash the file is the old image, no image, or the new one, and all that is sound", async () => {
  const old = await oldImage();
  const seen = new Set<string>();
  await forSeeds(modelRuns(15), async (random) => {
    const bits = () => random.bits();
    const crashes: { image: MemoryBackend; data: MemoryBackend }[] = [];
    const hold = async (): Promise<void> => {
      if (crashes.length > 100) return;
      for (let time = 0; time < 3; time++) crashes.push({ image: image.crash(bits), data: data.crash(bits) });
    };
    const image: CrashingBackend = new CrashingBackend(old, { hold });
    const data: CrashingBackend = new CrashingBackend(MemoryBackend.fromBytes(new Uint8Array(9000).fill(3)), {
      hold,
    });
    const options = choose(random, data);
    await createImage(image, options);
    for (const crash of crashes) seen.add(await judge(crash.image, crash.data, options));
    expect(await judge(image.crash(bits), data.crash(bits), options)).toBe("new");
  });
  expect([...seen].sort()).toEqual(["new", "none", "old"]);
});
