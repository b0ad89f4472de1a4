// Every code of the engine's errors, each made by an image or a call that deserves it.

import { MemoryBackend } from "@qcow/backend-memory";
import { BackendError } from "@qcow/block";
import { describe, expect, test } from "vitest";
import {
  checkImage,
  decodeToRaw,
  EngineError,
  type EngineErrorCode,
  isEngineError,
  Qcow2Reader,
} from "../src/index.js";
import type { BuiltImage } from "./built-image.js";
import { ImageBuilder, type ImageOptions } from "./image-builder.js";
import { compression, deflate } from "./streams.js";

const CLUSTER = 65536;
const ones = new Uint8Array(CLUSTER).fill(1);

async function small(options: Partial<ImageOptions> = {}): Promise<BuiltImage> {
  return await new ImageBuilder({ size: 2 ** 20, ...options }).data(0, ones).data(1, ones).build();
}

async function read(image: BuiltImage, offset = CLUSTER): Promise<void> {
  const openReference = async () => ({ backend: image.data as MemoryBackend });
  const reader = await Qcow2Reader.open(image.backend, { compression, openReference });
  await reader.read(offset, new Uint8Array(10));
}

const COMPRESSED = 1n << 62n;

/** What only changing an image can run into has its tests beside those of the changes, and a bitmap with those of bitmaps. */
type ReadingErrorCode = Exclude<
  EngineErrorCode,
  | "QCOW2_NO_SUCH_BITMAP"
  | "QCOW2_BAD_OPTION"
  | "QCOW2_BROKEN_INVARIANT"
  | "QCOW2_CORRUPT"
  | "QCOW2_DATA_LOSS"
  | "QCOW2_FLUSH_FAILED"
  | "QCOW2_IMAGE_TOO_LARGE"
  | "QCOW2_PASSED_BY"
  | "QCOW2_UNSUPPORTED_CHANGE"
>;

/** What makes each error: the call, and the offset that the error should name. */
const CASES: Record<
  ReadingErrorCode,
  [title: string, offset: number | undefined, work: () => Promise<unknown>][]
> = {
  QCOW2_UNALIGNED_OFFSET: [
    [
      "a data cluster",
      CLUSTER,
      async () => {
        const image = await small();
        await image.edit(image.l2EntryOffset(1), (entry) => entry | 0x200n);
        await read(image);
      },
    ],
    [
      "an L2 table",
      2 * CLUSTER + 512,
      async () => {
        const image = await small();
        await image.putU64(image.l1Offset, BigInt(2 * CLUSTER + 512));
        await read(image);
      },
    ],
  ],
  QCOW2_REFERENCE_OUTSIDE_FILE: [
    [
      "a data cluster past 2^53, where offsets are no longer exact",
      CLUSTER,
      async () => {
        const image = await small();
        await image.putU64(image.l2EntryOffset(1), 2n ** 55n);
        await read(image);
      },
    ],
    [
      "a data cluster",
      2 ** 40,
      async () => {
        const image = await small();
        await image.putU64(image.l2EntryOffset(1), 2n ** 40n);
        await read(image);
      },
    ],
    [
      "a data cluster that starts where the file ends",
      2 ** 20,
      async () => {
        const image = await small();
        await image.backend.resize(2 ** 20);
        await image.putU64(image.l2EntryOffset(1), 2n ** 20n);
        await read(image);
      },
    ],
    [
      "an L2 table that starts where the file ends",
      2 ** 20,
      async () => {
        const image = await small();
        await image.backend.resize(2 ** 20);
        await image.putU64(image.l1Offset, 2n ** 20n);
        await read(image);
      },
    ],
    [
      "an L1 table",
      2 ** 40,
      async () => {
        const image = await small();
        await image.putU64(40, 2n ** 40n);
        await read(image);
      },
    ],
  ],
  QCOW2_INVALID_ENTRY: [
    [
      "the zero flag in version 2",
      CLUSTER,
      async () => {
        const image = await small({ version: 2 });
        await image.putU64(image.l2EntryOffset(1), 1n);
        await read(image);
      },
    ],
    [
      "a compressed cluster beside a data file",
      CLUSTER,
      async () => {
        const image = await small({ dataFile: "data" });
        await image.putU64(image.l2EntryOffset(1), COMPRESSED | 0x10000n);
        await read(image);
      },
    ],
    [
      "an offset in the data file that is not the cluster's own",
      CLUSTER,
      async () => {
        const image = await small({ dataFile: "data" });
        await image.edit(image.l2EntryOffset(1), (entry) => entry + BigInt(CLUSTER));
        await read(image);
      },
    ],
    [
      "a subcluster that is allocated and zero",
      CLUSTER,
      async () => {
        const image = await small({ extendedL2: true });
        await image.edit(image.l2EntryOffset(1) + 8, (bitmap) => bitmap | (1n << 32n));
        await read(image);
      },
    ],
    [
      "a subcluster that is allocated nowhere",
      CLUSTER,
      async () => {
        const image = await small({ extendedL2: true });
        await image.putU64(image.l2EntryOffset(1), 0n);
        await read(image);
      },
    ],
  ],
  QCOW2_BAD_COMPRESSED_CLUSTER: [
    [
      "a stream of something else",
      CLUSTER,
      async () => {
        const builder = new ImageBuilder({ size: 2 ** 20 });
        await read(await builder.stream(1, new Uint8Array(600).fill(0xff), ones).build());
      },
    ],
    [
      "a stream that ends too early",
      CLUSTER,
      async () => {
        const builder = new ImageBuilder({ size: 2 ** 20 });
        await read(await builder.stream(1, await deflate(ones.subarray(1)), ones).build());
      },
    ],
    [
      "a stream cut off by the end of the file",
      CLUSTER,
      async () => {
        const image = await small();
        const end = await image.backend.size();
        await image.backend.write(end, await deflate(ones));
        await image.putU64(image.l2EntryOffset(1), COMPRESSED | (7n << 54n) | BigInt(end));
        await read(image);
      },
    ],
  ],
  QCOW2_ENCRYPTED: [["data", undefined, async () => read(await small({ header: { cryptMethod: 1 } }))]],
  QCOW2_MISSING_CAPABILITY: [
    [
      "compressed data without a compression backend",
      undefined,
      async () => {
        const builder = new ImageBuilder({ size: 2 ** 20 });
        const image = await (await builder.compressed(0, ones)).build();
        const reader = await Qcow2Reader.open(image.backend);
        await reader.read(0, new Uint8Array(1));
      },
    ],
    [
      "a backing file without an opener",
      undefined,
      async () => Qcow2Reader.open((await small({ backing: { name: "base" } })).backend),
    ],
  ],
  QCOW2_UNSUPPORTED_FORMAT: [
    [
      "a backing file of another format",
      undefined,
      async () => {
        const image = await small({ backing: { name: "base", format: "vmdk" } });
        const openReference = async () => ({ backend: new MemoryBackend() });
        await Qcow2Reader.open(image.backend, { openReference });
      },
    ],
  ],
  QCOW2_CHAIN_LOOP: [
    [
      "a backing file that is the image",
      undefined,
      async () => {
        const image = await small({ backing: { name: "self", format: "qcow2" } });
        await Qcow2Reader.open(image.backend, { openReference: async () => ({ backend: image.backend }) });
      },
    ],
  ],
  QCOW2_CHAIN_TOO_DEEP: [
    [
      "a chain without end",
      undefined,
      async () => {
        const { backend } = await small({ backing: { name: "next", format: "qcow2" } });
        await Qcow2Reader.open(backend, { openReference: async () => ({ backend: backend.snapshot() }) });
      },
    ],
  ],
  QCOW2_UNTRUSTED_REFERENCE: [
    [
      "a probed image that names another",
      undefined,
      async () => {
        const image = await small({ backing: { name: "next" } });
        await Qcow2Reader.open(image.backend, {
          openReference: async () => ({ backend: image.backend.snapshot() }),
        });
      },
    ],
  ],
  QCOW2_NO_SUCH_SNAPSHOT: [
    [
      "a name that is not there",
      undefined,
      async () => Qcow2Reader.open((await small()).backend, { snapshot: "x" }),
    ],
  ],
  QCOW2_OUT_OF_RANGE: [
    ["a read past the end", 2 ** 20 - 9, async () => read(await small(), 2 ** 20 - 9)],
    ["a read before the start", -1, async () => read(await small(), -1)],
    ["no offset", Number.NaN, async () => read(await small(), Number.NaN)],
    ["an offset that is no whole number", 0.5, async () => read(await small(), 0.5)],
    [
      "chunks of no bytes",
      undefined,
      async () => {
        const reader = await Qcow2Reader.open((await small()).backend);
        for await (const _ of reader.chunks({}, { chunkBytes: 0 })) expect.fail("no chunk can be that small");
      },
    ],
    [
      "no chunk under way",
      undefined,
      async () => {
        const reader = await Qcow2Reader.open((await small()).backend);
        for await (const _ of reader.chunks({}, { inFlight: Number.NaN })) expect.fail("nothing can be read");
      },
    ],
  ],
  QCOW2_TARGET_IS_SOURCE: [
    [
      "an image that is decoded into itself",
      undefined,
      async () => {
        const { backend } = await small();
        await decodeToRaw(await Qcow2Reader.open(backend), backend);
      },
    ],
  ],
  QCOW2_CHECK_TOO_LARGE: [
    [
      "a check without memory",
      undefined,
      async () => checkImage((await small()).backend, { memoryBytesMax: 1000 }),
    ],
  ],
  QCOW2_CLOSED: [
    ...(["read", "seekMapped", "seekUnmapped", "map", "mapBatches", "chunks"] as const).map(
      (method): [string, undefined, () => Promise<unknown>] => [
        method,
        undefined,
        async () => {
          const reader = await Qcow2Reader.open((await small()).backend);
          await reader.close();
          if (method === "read") await reader.read(0, new Uint8Array(1));
          else if (method === "seekMapped" || method === "seekUnmapped") {
            // A promise, whatever happens: no caller wraps an asynchronous call in both ways of catching.
            const seek = reader[method](0);
            await seek;
          } else for await (const _ of reader[method]()) expect.fail("it is closed");
        },
      ],
    ),
  ],
};

for (const [code, cases] of Object.entries(CASES)) {
  describe(code, () => {
    test.each(cases)("%s", async (_, offset, work) => {
      const error = await work().then(
        () => expect.fail("nothing was thrown"),
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ name: "EngineError", code, offset });
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).message).not.toMatch(/[\n\r\u001b]/);
    });
  });
}

describe("isEngineError", () => {
  test("tells by name and code", () => {
    const error = new EngineError("QCOW2_CLOSED", "closed");
    expect(isEngineError(error)).toBe(true);
    expect(isEngineError(error, "QCOW2_CLOSED", "QCOW2_ENCRYPTED")).toBe(true);
    expect(isEngineError(error, "QCOW2_ENCRYPTED")).toBe(false);
    expect(isEngineError(new BackendError("BACKEND_IO", "no"))).toBe(false);
    expect(isEngineError("QCOW2_CLOSED")).toBe(false);
  });
});
