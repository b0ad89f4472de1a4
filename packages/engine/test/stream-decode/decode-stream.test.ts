// Images that come as streams are decoded as those in files are, whatever comes first.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, decodeStream, encodeRaw, Qcow2Image } from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { forSeeds, modelRuns, Random } from "../random.js";
import { randomImage } from "../random-image.js";
import { compression } from "../streams.js";
import { inChunks, inOrder, placed, Spills } from "./streamed.js";

const KIB = 1024;
const MIB = KIB * KIB;

async function encoded(raw: Uint8Array, compress: boolean): Promise<Uint8Array> {
  const file = new MemoryBackend({ label: "encoded" });
  await createImage(file, { size: raw.byteLength });
  const image = await Qcow2Image.open(file, { compression });
  const source = new MemoryBackend({ label: "raw" });
  await source.write(0, raw);
  await encodeRaw(source, image, { compress });
  await image.close();
  return file.toBytes();
}

describe("a random image whose tables come last", () => {
  test("is decoded to a file and in order as its model says", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const builder = await randomImage(random, { dataFile: undefined });
      if (builder.options.dataFile !== undefined) return;
      const image = (await builder.build()).backend.toBytes();
      const model = builder.model;
      const expected = model.bytes();
      const chunkBytes = random.pick([777, 65536, 1 << 20]);
      const openSpill = new Spills().open;
      for (const memoryBytes of [undefined, random.pick([0, 20_000, 200_000])]) {
        const options = { chunkBytes, memoryBytes, openSpill };
        expect(Buffer.compare((await placed(image, options)).disk, expected)).toBe(0);
        expect(Buffer.compare((await inOrder(image, options)).disk, expected)).toBe(0);
      }
    });
  });
});

describe("an image whose tables come first", () => {
  for (const compress of [false, true]) {
    test(`keeps nothing but what came before the tables${compress ? ", compressed" : ""}`, async () => {
      const random = new Random(7);
      const raw = new Uint8Array(8 * MIB);
      raw.set(random.text(3 * MIB), MIB);
      raw.set(random.bytes(MIB), 5 * MIB);
      const image = await encoded(raw, compress);
      const { disk, result } = await placed(image);
      expect(Buffer.compare(disk, raw)).toBe(0);
      expect(result).toMatchObject({ virtualSize: raw.byteLength, streamBytes: image.byteLength });
      expect((await inOrder(image)).result.keptBytes).toBe(result.keptBytes);
    });
  }
});

test("what follows the image is read to its end", async () => {
  const image = await encoded(new Random(1).bytes(300_000), false);
  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* inChunks(image);
    for (let count = 0; count < 100; count++) yield new Uint8Array(65536).fill(1);
    ended = true;
  }
  const target = new MemoryBackend({ label: "target" });
  await decodeStream(source(), target, { compression });
  expect(ended).toBe(true);
});

test("a stream that is cut short says what is missing, wherever it is cut", async () => {
  const image = await encoded(new Random(2).bytes(400_000), false);
  for (const length of [0, 3, 50, 512, 65536, 70_000, 3 * 65536, 4 * 65536, image.byteLength - 65536]) {
    await expect(placed(image.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({
      code: expect.stringMatching(/^QCOW2_(TRUNCATED|REFERENCE_OUTSIDE_FILE|BAD_MAGIC)$/),
    });
  }
});

test("an entry that has COPIED and nothing else is empty, as it is in a file", async () => {
  const image = (await new ImageBuilder({ size: MIB }).data(3, new Random(3).bytes(65536)).build()).backend;
  const bytes = image.toBytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const l1 = Number(view.getBigUint64(40));
  const l2 = Number(view.getBigUint64(l1) & 0x00ff_ffff_ffff_fe00n);
  view.setUint32(l2 + 5 * 8, 0x8000_0000);
  const { disk } = await placed(bytes);
  expect(disk.subarray(4 * 65536).every((byte) => byte === 0)).toBe(true);
  expect(Buffer.compare((await inOrder(bytes)).disk, disk)).toBe(0);
});

test("a compressed cluster that claims bytes past the end is refused when its table comes after it, too", async () => {
  const raw = new Random(4).text(65536);
  const builder = new ImageBuilder({ size: MIB });
  builder.stream(0, await compression.compress("deflate", raw, {}), raw);
  const built = (await builder.build()).backend.toBytes();
  const l1 = Number(new DataView(built.buffer, built.byteOffset).getBigUint64(40));
  const l2 = Number(new DataView(built.buffer, built.byteOffset).getBigUint64(l1) & 0x00ff_ffff_ffff_fe00n);
  const entry = new DataView(built.buffer, built.byteOffset).getBigUint64(l2);
  const host = Number(entry & ((1n << 54n) - 1n));
  // Header, L1 table, the stream, the L2 table.
  const bytes = new Uint8Array(4 * 65536);
  bytes.set(built.subarray(0, 65536));
  bytes.set(built.subarray(host, host + 64000), 2 * 65536 + 1024);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(40, 65536n);
  view.setBigUint64(65536, 3n * 65536n);
  const moved = (entry & ~((1n << 54n) - 1n)) | BigInt(2 * 65536 + 1024);
  view.setBigUint64(3 * 65536, moved);
  expect((await placed(bytes)).disk.subarray(0, 65536)).toEqual(raw);
  view.setBigUint64(3 * 65536, moved | (0xffn << 54n));
  await expect(placed(bytes)).rejects.toMatchObject({
    code: "QCOW2_REFERENCE_OUTSIDE_FILE",
    message: expect.stringContaining("compressed contents"),
  });
});

describe("what a stream cannot bring is refused before the target is touched:", () => {
  const refused = async (builder: ImageBuilder, code: string): Promise<void> => {
    const image = (await builder.build()).backend.toBytes();
    const target = new MemoryBackend({ label: "target" });
    await target.write(0, Uint8Array.of(1, 2, 3));
    await expect(decodeStream(inChunks(image), target)).rejects.toMatchObject({ code });
    expect(target.toBytes()).toEqual(Uint8Array.of(1, 2, 3));
  };

  test("a backing file", async () => {
    await refused(new ImageBuilder({ size: MIB, backing: { name: "base" } }), "QCOW2_MISSING_CAPABILITY");
  });

  test("a data file", async () => {
    await refused(new ImageBuilder({ size: MIB, dataFile: "data" }), "QCOW2_MISSING_CAPABILITY");
  });

  test("encrypted contents", async () => {
    await refused(new ImageBuilder({ size: MIB, header: { cryptMethod: 1 } }), "QCOW2_ENCRYPTED");
  });
});

test("with zeros written, all of a device is replaced", async () => {
  const image = (await new ImageBuilder({ size: MIB }).data(3, new Random(3).bytes(65536)).build()).backend;
  const target = new MemoryBackend({ label: "device", size: 2 * MIB });
  await target.write(0, new Uint8Array(2 * MIB).fill(7));
  await decodeStream(inChunks(image.toBytes()), target, { sparse: false });
  const disk = target.toBytes();
  expect(disk.subarray(0, 3 * 65536).every((byte) => byte === 0)).toBe(true);
  expect(disk.subarray(3 * 65536, 4 * 65536)).toEqual(new Random(3).bytes(65536));
  expect(disk.subarray(4 * 65536, MIB).every((byte) => byte === 0)).toBe(true);
  expect(disk.subarray(MIB).every((byte) => byte === 7)).toBe(true);
});

test("memory that does not suffice, with no place to spill to, is an error of its own", async () => {
  const builder = new ImageBuilder({ size: 8 * MIB });
  for (let cluster = 0; cluster < 100; cluster++) builder.data(cluster, new Random(cluster).bytes(65536));
  const image = (await builder.build()).backend.toBytes();
  await expect(placed(image, { memoryBytes: MIB })).rejects.toMatchObject({
    code: "QCOW2_MISSING_CAPABILITY",
  });
});

test("one who does not want the disk any more ends the stream", async () => {
  const image = await encoded(new Random(4).bytes(5 * MIB), false);
  const abort = new AbortController();
  let returned = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* inChunks(image);
    } finally {
      returned = true;
    }
  }
  const target = new MemoryBackend({ label: "target" });
  const onProgress = (): void => abort.abort(new Error("enough"));
  await expect(decodeStream(source(), target, { signal: abort.signal, onProgress })).rejects.toThrow(
    "enough",
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(returned).toBe(true);
});

test("progress grows and ends with all of the disk", async () => {
  const image = await encoded(new Random(5).bytes(MIB), false);
  for (const decode of [placed, inOrder]) {
    const seen: number[] = [];
    await decode(image, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  }
});
