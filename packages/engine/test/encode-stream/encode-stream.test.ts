// Images that go out as streams are sound, hold the disk, and are the same each time.

import { MemoryBackend } from "@qcow/backend-memory";
import { withCounting } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, type EncodeStreamOptions, encodeStream, Qcow2Reader } from "../../src/index.js";
import { forSeeds, modelRuns, Random } from "../random.js";
import { inChunks, placed, Spills } from "../stream-decode/streamed.js";
import { compression } from "../streams.js";

const MIB = 1024 * 1024;

type Source = Parameters<typeof encodeStream>[0];

async function collected(source: Source, options: EncodeStreamOptions = {}): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeStream(source, { compression, ...options })) chunks.push(chunk.slice());
  return new Uint8Array(Buffer.concat(chunks));
}

async function backendOf(bytes: Uint8Array, label = "raw"): Promise<MemoryBackend> {
  const backend = new MemoryBackend({ label });
  await backend.write(0, bytes);
  return backend;
}

/** The disk of an image that a check finds nothing wrong with. */
async function diskOf(image: Uint8Array): Promise<Uint8Array> {
  const backend = await backendOf(image, "image");
  expect(await checkImage(backend)).toMatchObject({ findings: [], leaks: 0, corruptions: 0 });
  const reader = await Qcow2Reader.open(backend, { compression });
  const disk = new Uint8Array(reader.virtualSize);
  await reader.read(0, disk);
  await reader.close();
  return disk;
}

function drawRaw(random: Random): Uint8Array {
  const raw = new Uint8Array(
    random.pick([0, 1, 511, 512, 70_000, random.below(3 * MIB), random.below(3 * MIB)]),
  );
  for (let at = 0; at < raw.byteLength; ) {
    const length = Math.min(raw.byteLength - at, random.between(1, 200_000));
    const choice = random.below(3);
    if (choice > 0) raw.set(choice === 1 ? random.bytes(length) : random.text(length), at);
    at += length;
  }
  return raw;
}

function drawOptions(random: Random): EncodeStreamOptions {
  const version = random.chance(0.2) ? 2 : 3;
  const extendedL2 = version === 3 && random.chance(0.3);
  return {
    version,
    extendedL2,
    clusterSize: 2 ** (extendedL2 ? random.between(14, 18) : random.between(9, 18)),
    refcountBits: version === 2 ? 16 : 2 ** random.between(0, 6),
    compressionMethod: version === 3 && random.chance(0.5) ? "zstd" : "deflate",
    compress: random.chance(0.5),
  };
}

describe("a random disk", () => {
  test("comes back from its image, whichever way it went in", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const raw = drawRaw(random);
      const options = drawOptions(random);
      const expected = new Uint8Array(Math.ceil(raw.byteLength / 512) * 512);
      expected.set(raw);
      const image = await collected(await backendOf(raw), options);
      expect(Buffer.compare(await diskOf(image), expected)).toBe(0);
      expect(Buffer.compare((await placed(image)).disk, expected)).toBe(0);
      const again = await collected(await backendOf(raw), options);
      expect(Buffer.compare(again, image), "the same bytes again").toBe(0);
      const tight = { ...options, memoryBytes: random.pick([0, 300_000]), openSpill: new Spills().open };
      const streamed = await collected(inChunks(raw, random.pick([999, 65536])), tight);
      expect(Buffer.compare(streamed, image), "the same bytes from a stream").toBe(0);
    });
  });

  test("is stored whole where nothing is left out", async () => {
    await forSeeds(modelRuns(10), async (random) => {
      const raw = drawRaw(random);
      const size = raw.byteLength + random.below(100_000);
      const options: EncodeStreamOptions = {
        ...drawOptions(random),
        compress: false,
        leaveOut: "nothing",
        size,
      };
      const image = await collected(inChunks(raw, 5000), options);
      const disk = await diskOf(image);
      expect(Buffer.compare(disk.subarray(0, raw.byteLength), raw)).toBe(0);
      expect(disk.subarray(raw.byteLength).every((byte) => byte === 0)).toBe(true);
      expect(disk.byteLength).toBe(Math.ceil(size / 512) * 512);
    });
  });
});

test("compressed clusters are packed behind those that do not get smaller", async () => {
  const random = new Random(3);
  const raw = new Uint8Array(20 * 65536);
  for (let cluster = 0; cluster < 20; cluster++)
    raw.set(cluster % 2 === 0 ? random.bytes(65536) : random.text(65536), cluster * 65536);
  const image = await collected(await backendOf(raw), { compress: true });
  // Header, refcount table and block, L1 and L2 table, ten clusters as they are, one for ten that compress well.
  expect(image.byteLength).toBe(16 * 65536);
  expect(Buffer.compare(await diskOf(image), raw)).toBe(0);
});

test("tables come before contents: nothing of an image of ours is kept when it is decoded as a stream", async () => {
  const image = await collected(await backendOf(new Random(1).bytes(3 * MIB)), { size: 16 * MIB });
  const { result } = await placed(image);
  // The header, the refcount table and its block, which nobody wants.
  expect(result.keptBytes).toBe(3 * 65536);
});

test("holes are not read, and what is found zero is read once", async () => {
  const source = withCounting(new MemoryBackend({ label: "raw", size: 64 * MIB }));
  await source.write(8 * MIB, new Random(2).bytes(MIB));
  const before = source.counters.bytesRead;
  const image = await collected(source);
  expect(image.byteLength).toBeLessThan(2 * MIB);
  expect(source.counters.bytesRead - before).toBe(2 * MIB);
});

test("with holes alone left out, a disk is read once", async () => {
  const source = withCounting(new MemoryBackend({ label: "raw", size: 64 * MIB }));
  await source.write(8 * MIB, new Random(2).bytes(MIB));
  const image = await collected(source, { leaveOut: "holes" });
  expect(source.counters.bytesRead).toBe(MIB);
  expect((await diskOf(image)).byteLength).toBe(64 * MIB);
});

describe("is refused:", () => {
  test("a disk that is longer than it is to be", async () => {
    const raw = new Uint8Array(3 * MIB).fill(1);
    for (const source of [await backendOf(raw), inChunks(raw)])
      await expect(collected(source, { size: MIB })).rejects.toMatchObject({ code: "QCOW2_OUT_OF_RANGE" });
  });

  test("an option that no image can have, before anything is read", async () => {
    let asked = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      asked = true;
      yield new Uint8Array(1);
    }
    await expect(collected(source(), { clusterSize: 1000 })).rejects.toMatchObject({
      code: "QCOW2_BAD_OPTION",
    });
    expect(asked).toBe(false);
  });

  test("a stream of unknown length that is to be sent as it comes", async () => {
    const sending = collected(inChunks(new Uint8Array(10)), { leaveOut: "nothing" });
    await expect(sending).rejects.toMatchObject({ code: "QCOW2_BAD_OPTION" });
  });
});

test("its length is told before its first byte, and progress ends with all", async () => {
  const events: string[] = [];
  let bytes = 0;
  const source = await backendOf(new Random(5).bytes(MIB));
  const onProgress = ({ done, total }: { done: number; total: number }): void =>
    void events.push(`${done}/${total}`);
  const onLength = (length: number): void => void events.push(`length ${length}`);
  for await (const chunk of encodeStream(source, { onProgress, onLength })) bytes += chunk.byteLength;
  expect(events).toContain(`length ${bytes}`);
  expect(events.at(-1)).toBe(`${2 * MIB}/${2 * MIB}`);
});
