import { MemoryBackend } from "@qcow/backend-memory";
import type { BlockBackend } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { rehydrate } from "../src/index.js";
import { bytesOf, filesOf, imageOf } from "./files-of.js";
import { exampleImage } from "./made-image.js";

const MIB = 1024 * 1024;

function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 1 + (index % 251));
}

describe("a rehydrated image", () => {
  it("is as long as the original, with metadata in place and zeros elsewhere", async () => {
    const image = exampleImage().text(4 * 65536, "contents").bytes;
    const { file, done } = await imageOf(await filesOf(image));
    const expected = image.slice().fill(0, 4 * 65536, 5 * 65536);
    expect(Buffer.compare(await bytesOf(file), expected)).toBe(0);
    expect(done).toEqual({
      totalSize: 458752,
      metaBytes: 327680,
      intervalCount: 2,
      missingBytes: 0,
      cutIntervals: 0,
    });
  });

  it("has runs longer than 1 MiB whole", async () => {
    const meta = filled(3 * MIB + 10);
    const map = `((blocks ((${5 * MIB} ${5 * MIB + 9}) (0 ${3 * MIB - 1}))) (total_size ${6 * MIB}))`;
    const { file } = await imageOf({ map, meta });
    const bytes = await bytesOf(file);
    expect(Buffer.compare(bytes.subarray(0, 3 * MIB), meta.subarray(0, 3 * MIB))).toBe(0);
    expect(bytes.subarray(5 * MIB, 5 * MIB + 11)).toEqual(Uint8Array.of(...meta.subarray(3 * MIB), 0));
  });

  it("is made of what qcow-tool cut, as far as that goes, and says so", async () => {
    const map = `((blocks ((${5 * MIB} ${5 * MIB + 9}) (0 ${3 * MIB - 1}))) (total_size ${6 * MIB}))`;
    const meta = filled(MIB + 10);
    const { file, done } = await imageOf({ map, meta });
    expect(done).toMatchObject({ missingBytes: 2 * MIB, cutIntervals: 1 });
    const bytes = await bytesOf(file);
    expect(Buffer.compare(bytes.subarray(0, MIB), meta.subarray(0, MIB))).toBe(0);
    expect(bytes.subarray(MIB, 5 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(5 * MIB, 5 * MIB + 10)).toEqual(meta.subarray(MIB));
  });

  it("comes whatever the sizes of the pieces", async () => {
    const image = exampleImage().bytes;
    const { map, meta } = await filesOf(image);
    for (const size of [1000, 65536, 100_000]) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < meta.length; at += size) pieces.push(meta.subarray(at, at + size));
      const file = new MemoryBackend();
      await rehydrate({ map: [map], meta: () => ({ length: meta.length, chunks: pieces }) }, file);
      expect(Buffer.compare(await bytesOf(file), image)).toBe(0);
    }
  });
});

describe("files that make no image", () => {
  const map = "((blocks ((0 511))) (total_size 1024))";

  /** Rehydrates into a file that has something, which must be left alone. */
  async function refused(mapText: string, length: number, chunks: readonly Uint8Array[]): Promise<unknown> {
    const file = new MemoryBackend();
    await file.write(0, Uint8Array.of(7));
    const source = { map: [new TextEncoder().encode(mapText)], meta: () => ({ length, chunks }) };
    const error = await rehydrate(source, file).catch((caught: unknown) => caught);
    return { error, size: await file.size() };
  }

  it.each([
    ["metadata that are cut short", 511],
    ["metadata of something else", 5000],
    ["no metadata", 0],
  ])("are refused for %s, with nothing written", async (_, length) => {
    expect(await refused(map, length, [])).toMatchObject({
      error: { code: "DEHYDRATED_BAD_META" },
      size: 1,
    });
  });

  it("are refused for a map that makes no sense, with nothing written", async () => {
    expect(await refused("((blocks ((0 511)))", 512, [])).toMatchObject({
      error: { code: "DEHYDRATED_BAD_MAP" },
      size: 1,
    });
  });

  it("are told both lengths that would do", async () => {
    const long = `((blocks ((0 ${2 * MIB - 1}))) (total_size ${2 * MIB}))`;
    const { error } = (await refused(long, 5, [])) as { error: Error };
    expect(error.message).toMatch(
      /has 5 bytes, but the map wants 2097152 \(or 1048576, if qcow-tool made it\)/,
    );
  });

  it.each([
    ["fewer", 100],
    ["more", 600],
  ])("are refused when there are %s bytes than their length says", async (how, length) => {
    const { error } = (await refused(map, 512, [new Uint8Array(length)])) as { error: Error };
    expect(error).toMatchObject({ code: "DEHYDRATED_BAD_META" });
    expect(error.message).toContain(how);
  });

  it("of terabytes of zeros take no space and no memory", async () => {
    const size = 2 ** 42;
    let written = 0;
    const target = {
      resize: async () => {},
      flush: async () => {},
      write: async (_offset: number, bytes: Uint8Array) => {
        written += bytes.length;
      },
    } as unknown as BlockBackend;
    const zeros = new Uint8Array(MIB);
    const text = `((blocks ((0 ${64 * MIB - 1}))) (total_size ${size}))`;
    const chunks = (function* () {
      for (let count = 0; count < 64; count++) yield zeros;
    })();
    await rehydrate(
      { map: [new TextEncoder().encode(text)], meta: () => ({ length: 64 * MIB, chunks }) },
      target,
    );
    expect(written).toBe(0);
  });
});
