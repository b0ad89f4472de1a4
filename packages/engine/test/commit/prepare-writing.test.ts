// What a writer does before its first change: what it does not know and others rely on is declared stale, in the file
// before any byte of the guest; what it does not know and nobody need care about stays.

import { FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { BITMAP_FLAG_AUTO } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { readMetadata } from "../../src/index.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { expectClean, openWritable } from "../write/open-writable.js";
import { RecordingBackend } from "../write/recording-backend.js";

const C = 65_536;

function builder(options: Partial<ImageOptions> = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 2 ** 20, ...options });
  return image.data(0, new Uint8Array(image.geometry.clusterSize).fill(1));
}

describe("before the first change", () => {
  test("bitmaps that follow the disk are marked in use, and that is flushed before any byte of the guest", async () => {
    const image = builder()
      .bitmap("follows", ["data", "ones"])
      .bitmap("was in use", ["ones"], { flags: BITMAP_FLAG_AUTO | 1, inUse: true })
      .bitmap("is kept as it is", ["data"], { flags: 0, auto: false });
    const { backend } = await image.build();
    const recording = new RecordingBackend(backend);
    const disk = await openWritable(recording);
    await disk.read(0, new Uint8Array(C));
    await disk.flush();
    expect(recording.take().map(({ kind }) => kind)).toEqual(["flush"]);
    await disk.write(0, new Uint8Array(C));
    expect(recording.take().map(({ kind, length }) => [kind, length])).toEqual([
      ["write", 4],
      ["flush", 0],
      ["write", C],
    ]);
    const { bitmaps } = await readMetadata(backend);
    expect(bitmaps.map(({ name, inUse, auto }) => [name, inUse, auto])).toEqual([
      ["follows", true, true],
      ["was in use", true, true],
      ["is kept as it is", false, false],
    ]);
    await disk.write(0, new Uint8Array(C));
    expect(recording.take().map(({ kind }) => kind)).toEqual(["write"]);
    await disk.close();
    await expectClean(backend);
  });

  test.each<[string, (disk: Awaited<ReturnType<typeof openWritable>>) => Promise<void>]>([
    ["a discard", (disk) => disk.discard(0, C)],
    ["writing zeroes", (disk) => disk.writeZeroes(0, C)],
    ["a compressed write", (disk) => disk.writeCompressed(0, new Uint8Array(C))],
    ["resizing", (disk) => disk.resize(2 ** 21)],
  ])("bitmaps are marked, whatever that is: %s", async (_, change) => {
    const { backend } = await builder().bitmap("follows", ["ones"]).build();
    const disk = await openWritable(backend);
    await change(disk);
    expect((await readMetadata(backend)).bitmaps[0]?.inUse).toBe(true);
    await disk.close();
    await expectClean(backend);
  });

  test("autoclear bits that are unknown are cleared, and known ones stay", async () => {
    const image = builder().bitmap("follows", ["ones"]);
    const { backend, header } = await image.build();
    const field = new DataView(new ArrayBuffer(8));
    field.setBigUint64(0, header.autoclearFeatures | 0xff00n);
    await backend.write(88, new Uint8Array(field.buffer));
    const disk = await openWritable(backend);
    expect((await readMetadata(backend)).header.autoclearFeatures).toBe(header.autoclearFeatures | 0xff00n);
    await disk.write(0, new Uint8Array(512));
    expect((await readMetadata(backend)).header.autoclearFeatures).toBe(header.autoclearFeatures);
    await disk.close();
  });

  test("compatible bits, extensions and header fields that are unknown stay, through everything that rewrites the header", async () => {
    const data = new Uint8Array(33).fill(0x5a);
    const unknownFields = new Uint8Array(16).fill(0xc3);
    const image = builder({
      clusterBits: 9,
      extensions: [{ type: "unknown", magic: 0x0bad_cafe, data }],
      backing: { name: "below.raw", format: "raw" },
      header: { compatibleFeatures: 0xf0f0n, headerLength: 128, unknownFields },
    });
    const { backend } = await image.build();
    const backing = new MemoryBackend({ size: 2 ** 20 });
    const disk = await openWritable(backend, { backing }, { refcounts: "lazy" });
    await disk.write(0, new Uint8Array(2 ** 20).fill(3));
    await disk.flush();
    await disk.resize(2 ** 25);
    await disk.close();
    const metadata = await readMetadata(backend);
    expect(metadata.header).toMatchObject({ compatibleFeatures: 0xf0f0n, headerLength: 128, unknownFields });
    expect(metadata.extensions).toContainEqual({ type: "unknown", magic: 0x0bad_cafe, data });
    expect(metadata.backingFile).toMatchObject({ name: "below.raw", format: "raw" });
    await expectClean(backend);
  });

  test("a failure is the change's own, and the next change prepares again", async () => {
    const { backend } = await builder().bitmap("follows", ["ones"]).build();
    const faulty = new FaultyBackend(backend, {
      faults: [{ operation: "write", nth: 1, effect: { kind: "fail" } }],
    });
    const disk = await openWritable(faulty);
    await expect(disk.write(0, new Uint8Array(C))).rejects.toMatchObject({ code: "BACKEND_IO" });
    expect((await readMetadata(backend)).bitmaps[0]?.inUse).toBe(false);
    await disk.write(0, new Uint8Array(C));
    expect((await readMetadata(backend)).bitmaps[0]?.inUse).toBe(true);
  });

  test("bitmaps that were not marked keep a disk from being resized beyond what they can say", async () => {
    const { backend } = await builder().bitmap("kept", ["ones"], { flags: 0, auto: false }).build();
    const disk = await openWritable(backend);
    // One cluster of a bitmap is 65,536 * 8 bits of 64 KiB each.
    await disk.resize(65_536 * 8 * C);
    await expect(disk.resize(65_536 * 8 * C + 512)).rejects.toMatchObject({
      code: "QCOW2_UNSUPPORTED_CHANGE",
    });
    await disk.close();
    await expectClean(backend);
  });

  test("bitmaps that are in use do not: nobody trusts them any more", async () => {
    const { backend } = await builder({ clusterBits: 9 })
      .bitmap("follows", ["ones"], { granularityBits: 9 })
      .build();
    const disk = await openWritable(backend);
    await disk.resize(2 ** 23);
    await disk.write(2 ** 22, new Uint8Array(512).fill(1));
    await disk.close();
    const again = await openWritable(backend);
    await again.write(2 ** 22, new Uint8Array(512).fill(1));
    await again.close();
    await expectClean(backend);
  });
});
