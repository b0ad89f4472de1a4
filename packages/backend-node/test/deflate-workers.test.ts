import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { DeflateWorkers } from "../src/deflate-workers.js";
import { NodeCompression } from "../src/node-compression.js";
import { loadZstd } from "../src/zstd-codec.js";

const parameters = { level: 5, windowBits: 12, memLevel: 8 };

/** Clusters that differ, from hardly compressible to very. */
function clusters(count: number, length: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) =>
    Uint8Array.from({ length }, (__, index) => ((index * index * 31) >> (at % 9)) & 0xff),
  );
}

describe("threads that deflate", () => {
  it("give each caller the stream of its own bytes, in whatever order they end", async () => {
    const workers = new DeflateWorkers(() => import("node:worker_threads"));
    const sources = clusters(100, 20_000);
    const streams = await Promise.all(
      sources.map((source, at) => workers.compress(source, { ...parameters, level: 1 + (at % 9) })),
    );
    for (const [at, stream] of streams.entries()) {
      const output = zlib.inflateRawSync(stream, { windowBits: 12 });
      expect(Buffer.compare(output, sources[at] as Uint8Array)).toBe(0);
      expect(stream.buffer.byteLength).toBe(stream.length);
    }
  });

  it("fail their callers when they cannot be started", async () => {
    const workers = new DeflateWorkers(() => Promise.reject(new Error("no threads here")));
    await expect(workers.compress(new Uint8Array(10), parameters)).rejects.toThrow("no threads here");
  });

  it("fail the callers of a batch that they cannot do", async () => {
    const workers = new DeflateWorkers(() => import("node:worker_threads"));
    const bad = { ...parameters, level: 77 };
    await expect(workers.compress(new Uint8Array(10), bad)).rejects.toThrow();
    const stream = await workers.compress(new Uint8Array(1000), parameters);
    expect(zlib.inflateRawSync(stream).length).toBe(1000);
  });
});

it("much is compressed as little is", async () => {
  const compression = new NodeCompression(loadZstd);
  const sources = clusters(100, 64 * 1024);
  const streams = await Promise.all(sources.map((source) => compression.compress("deflate", source)));
  const again = await Promise.all(
    sources.map((source) => new NodeCompression(loadZstd).compress("deflate", source)),
  );
  for (const [at, stream] of streams.entries())
    expect(Buffer.compare(stream, again[at] as Uint8Array)).toBe(0);
});
