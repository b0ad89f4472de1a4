import * as zlib from "node:zlib";
import { nodeCompression } from "@qcow/backend-node";
import { describe, expect, it } from "vitest";
import { NodeCompression } from "../src/node-compression.js";
import { hasZstd, loadZstd, wasmZstd } from "../src/zstd-codec.js";

const prose = Uint8Array.from(Buffer.from("the quick brown fox jumps over the lazy dog. ".repeat(1500)));

describe("deflate", () => {
  it("makes raw streams with a window of 4 KiB, which QEMU's decoder needs", async () => {
    const stream = await nodeCompression().compress("deflate", prose);
    const output = zlib.inflateRawSync(stream, { windowBits: 12 });
    expect(Buffer.compare(output, prose)).toBe(0);
  });

  it("reads streams with a window of 32 KiB", async () => {
    const noise = new Uint8Array(30_000);
    for (let index = 0; index < noise.length; index += 1) noise[index] = (index * index * 31) >> 7;
    const bytes = Uint8Array.from([...noise, ...noise]);
    const target = new Uint8Array(bytes.length);
    await nodeCompression().decompress("deflate", zlib.deflateRawSync(bytes, { windowBits: 15 }), target);
    expect(Buffer.compare(target, bytes)).toBe(0);
  });

  it("accepts a stream that has filled its target without having ended, as QEMU does", async () => {
    const target = new Uint8Array(100);
    const stored = Uint8Array.from([0, 100, 0, 155, 255, ...prose.subarray(0, 100)]);
    await nodeCompression().decompress("deflate", stored, target);
    expect([...target]).toEqual([...prose.subarray(0, 100)]);
  });

  it("leaves a target alone when the stream is bad", async () => {
    const target = new Uint8Array(50).fill(0xee);
    const stream = zlib.deflateRawSync(prose.subarray(0, 60));
    await expect(nodeCompression().decompress("deflate", stream, target)).rejects.toThrow();
    expect(target.every((byte) => byte === 0xee)).toBe(true);
  });
});

describe("results", () => {
  it.each(["deflate", "zstd"] as const)("of %s own their memory", async (method) => {
    const stream = await nodeCompression().compress(method, prose.subarray(0, 200));
    expect(stream.constructor).toBe(Uint8Array);
    expect(stream.buffer.byteLength).toBe(stream.length);
  });
});

describe("zstd", () => {
  it("reads with each implementation what the other one writes", async () => {
    const here = new NodeCompression(loadZstd);
    const wasm = new NodeCompression(wasmZstd);
    for (const [writer, reader] of [
      [here, wasm],
      [wasm, here],
    ] as const) {
      const target = new Uint8Array(prose.length);
      await reader.decompress("zstd", await writer.compress("zstd", prose), target);
      expect(Buffer.compare(target, prose)).toBe(0);
    }
  });

  it("initialises WebAssembly once, however many ask for it, and however often", async () => {
    const many = await Promise.all([wasmZstd(), wasmZstd()]);
    for (const codec of [...many, await wasmZstd()]) {
      expect(await codec.decompress(await codec.compress(prose, 3), prose.length)).toEqual(prose);
    }
  });

  it("stores nothing that is not one whole frame", async () => {
    const broken = { compress: async () => new Uint8Array(100), decompress: async () => new Uint8Array(0) };
    const compress = () => new NodeCompression(async () => broken).compress("zstd", prose);
    await expect(compress()).rejects.toMatchObject({ code: "BACKEND_BAD_STREAM" });
    const twice = async (source: Uint8Array) => {
      const frame = await (await wasmZstd()).compress(source, 3);
      return Uint8Array.from([...frame, ...frame]);
    };
    const doubled = new NodeCompression(async () => ({ ...broken, compress: twice }));
    await expect(doubled.compress("zstd", prose)).rejects.toMatchObject({ code: "BACKEND_IO" });
  });

  it("declares the content size in what it writes", async () => {
    const stream = await nodeCompression().compress("zstd", prose);
    // Frame_Content_Size_flag or Single_Segment_flag: either way the size is there.
    expect((stream[4] ?? 0) & 0xe0).not.toBe(0);
  });

  it("says so where it cannot be loaded, and does not call the stream damaged", async () => {
    const without = new NodeCompression(() => Promise.reject(new Error("no such module")));
    const stream = await nodeCompression().compress("zstd", prose);
    const decompress = () => without.decompress("zstd", stream, new Uint8Array(prose.length));
    await expect(decompress()).rejects.toMatchObject({ code: "BACKEND_UNSUPPORTED" });
    await expect(without.compress("zstd", prose)).rejects.toMatchObject({ code: "BACKEND_UNSUPPORTED" });
  });

  it("loads nothing for a frame that its headers already condemn", async () => {
    let loads = 0;
    const counting = new NodeCompression(() => {
      loads += 1;
      return wasmZstd();
    });
    const hostile = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0]);
    await expect(counting.decompress("zstd", hostile, new Uint8Array(512))).rejects.toThrow(/window/);
    expect(loads).toBe(0);
  });

  it("uses node:zlib exactly where that has zstd", () => {
    expect(hasZstd(zlib)).toBe(typeof (zlib as { zstdDecompress?: unknown }).zstdDecompress === "function");
  });
});
