import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { webCompression } from "@qcow/backend-browser";
import { MemoryBackend } from "@qcow/backend-memory";
import { nodeCompression, openWritable } from "@qcow/backend-node";
import { createImage, encodeRaw, Qcow2Image, Qcow2Reader } from "@qcow/engine";
import { afterEach, describe, expect, it, vi } from "vitest";

const compression = webCompression();

/** Bytes that do not compress, from a small generator. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
}

/** Noise, the same noise again from 20 000 bytes before, then zeros: matches that reach further than QEMU's window. */
function farMatches(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const half = noise(20_000);
  bytes.set(half);
  bytes.set(half, half.length);
  return bytes;
}

const native = globalThis.DecompressionStream;
afterEach(() => vi.unstubAllGlobals());

/** As the standard has it, and Chromium and Firefox: what follows the stream's end is an error, at once. */
function useStrictStreams(): void {
  vi.stubGlobal(
    "DecompressionStream",
    class {
      readonly readable: ReadableStream<Uint8Array>;
      readonly writable: WritableStream<Uint8Array>;
      constructor() {
        let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
        this.readable = new ReadableStream({
          start: (own) => {
            controller = own;
          },
        });
        const whole: Uint8Array[] = [];
        this.writable = new WritableStream({
          write: async (chunk) => {
            whole.push(chunk);
          },
          close: async () => {
            // All of it in one go, then the error, which drops what nobody asked for yet.
            const bytes = new Uint8Array(inflateRawSync(Buffer.concat(whole)));
            for (let at = 0; at < bytes.length; at += 65_536)
              controller?.enqueue(bytes.slice(at, at + 65_536));
            controller?.error(new TypeError("Junk data found after end of compressed data."));
            throw new TypeError("Junk data found after end of compressed data.");
          },
        });
      }
    },
  );
}

describe("webCompression", () => {
  it("loses nothing where the browser makes padding an error and drops what was not fetched", async () => {
    const disk = farMatches(2 * 1024 * 1024);
    const padded = Buffer.concat([deflateRawSync(disk), Buffer.alloc(511, 0xff)]);
    useStrictStreams();
    const target = new Uint8Array(disk.length);
    await compression.decompress("deflate", padded, target);
    expect(Buffer.compare(target, disk)).toBe(0);
    const short = compression.decompress("deflate", padded, new Uint8Array(disk.length + 1));
    await expect(short).rejects.toMatchObject({ code: "BACKEND_BAD_STREAM" });
    const long = compression.decompress("deflate", padded, new Uint8Array(disk.length - 1));
    await expect(long).rejects.toMatchObject({ code: "BACKEND_BAD_STREAM" });
  });

  it("lets a stream yield no more than a few MiB past the target", async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
    let bytesYielded = 0;
    vi.stubGlobal(
      "DecompressionStream",
      class {
        readonly writable: WritableStream<BufferSource>;
        readonly readable: ReadableStream<Uint8Array>;
        constructor() {
          const inner = new native("deflate-raw");
          this.writable = inner.writable;
          const counter = new TransformStream<Uint8Array, Uint8Array>({
            transform: (chunk, controller) => {
              bytesYielded += chunk.length;
              controller.enqueue(chunk);
            },
          });
          this.readable = inner.readable.pipeThrough(counter);
        }
      },
    );
    const decompress = compression.decompress("deflate", bomb, new Uint8Array(65_536));
    await expect(decompress).rejects.toMatchObject({ code: "BACKEND_BAD_STREAM" });
    expect(bytesYielded).toBeGreaterThan(65_536);
    expect(bytesYielded).toBeLessThan(8 * 1024 * 1024);
  });

  it("refuses to compress with zstd, and says so", async () => {
    const compress = compression.compress("zstd", new Uint8Array(10));
    await expect(compress).rejects.toMatchObject({
      code: "BACKEND_UNSUPPORTED",
      message: expect.stringContaining("zstd"),
    });
  });

  it.each(["deflate", "zstd"] as const)("reads the %s clusters of an image", async (compressionMethod) => {
    const file = new MemoryBackend();
    const disk = farMatches(1024 * 1024);
    await createImage(file, { size: disk.length, compressionMethod });
    await using image = await Qcow2Image.open(file, { compression: nodeCompression() });
    await encodeRaw(MemoryBackend.fromBytes(disk), image, { compress: true });
    await image.flush();
    const reader = await Qcow2Reader.open(file.snapshot(), { compression });
    const target = new Uint8Array(disk.length);
    await reader.read(0, target);
    expect(Buffer.compare(target, disk)).toBe(0);
  });

  const skips = spawnSync("qemu-img", ["--version"], { stdio: "ignore" }).status !== 0;
  it.skipIf(skips)(
    "makes deflate streams that QEMU reads, far matches included (needs qemu-img)",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "backend-browser-"));
      try {
        const disk = farMatches(256 * 1024);
        const [imagePath, rawPath] = [join(folder, "disk.qcow2"), join(folder, "disk.raw")];
        await using raw = await openWritable(rawPath, { exclusive: true });
        await raw.write(0, disk);
        await using file = await openWritable(imagePath, { exclusive: true });
        await createImage(file, { size: disk.length });
        const image = await Qcow2Image.open(file, { compression });
        await encodeRaw(raw, image, { compress: true });
        await image.close();
        // Of the first cluster, the second half of the noise must have been matched: else this shows nothing.
        expect(await file.size()).toBeLessThan(5 * 65_536 + 30_000);
        const compare = spawnSync("qemu-img", ["compare", "-f", "qcow2", "-F", "raw", imagePath, rawPath]);
        expect(`${compare.stdout}${compare.stderr}`).toBe("Images are identical.\n");
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
