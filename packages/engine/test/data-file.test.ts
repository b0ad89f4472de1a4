// External data files: opened late and once, never the image itself, closed in every case.

import { MemoryBackend } from "@qcow/backend-memory";
import { BackendError } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { decodeToRaw, Qcow2Reader, type ReferenceOpener } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";
import { Files, Watched } from "./referenced-files.js";

describe("an external data file", () => {
  async function build() {
    const bytes = new Uint8Array(65536).fill(3);
    const image = await new ImageBuilder({ size: 2 ** 20, dataFile: "data.raw" })
      .data(0, bytes)
      .data(4, bytes)
      .build();
    return { image, data: image.data as MemoryBackend };
  }

  test("is opened when it is first read, once for all reads, and closed with the reader", async () => {
    const { image, data } = await build();
    const files = new Files().add("data.raw", data);
    const reader = await Qcow2Reader.open(image.backend, { openReference: files.open });
    for await (const _ of reader.map()) expect(files.asked).toEqual([]);
    await reader.read(65536, new Uint8Array(100));
    expect(files.asked).toEqual([]);
    await Promise.all([0, 1, 2].map((at) => reader.read(at, new Uint8Array(1))));
    expect(files.asked).toEqual([{ kind: "data", name: "data.raw", from: "built" }]);
    await reader.close();
    await reader.close();
    expect(files.closes).toEqual({ "data.raw": 1 });
  });

  test("is opened ahead of reading when asked for, and tells its identity", async () => {
    const { image, data } = await build();
    const files = new Files().add("data.raw", data);
    const reader = await Qcow2Reader.open(image.backend, { openReference: files.open });
    expect(reader.layers[0]?.dataLabel).toBe("data.raw");
    expect(reader.identities).toEqual(new Set([image.backend.identity]));
    await reader.openContents();
    expect(reader.identities).toEqual(new Set([image.backend.identity, data.identity]));
    expect(reader.layers[0]?.dataLabel).toBe(data.label);
    await reader.close();
    await expect(reader.openContents()).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
  });

  test("is not decoded into, nor is the image", async () => {
    const { image, data } = await build();
    const files = new Files().add("data.raw", data);
    const reader = await Qcow2Reader.open(image.backend, { openReference: files.open });
    for (const target of [data, image.backend]) {
      const before = target.toBytes(0, await target.size());
      await expect(decodeToRaw(reader, target)).rejects.toMatchObject({ code: "QCOW2_TARGET_IS_SOURCE" });
      expect(target.toBytes(0, await target.size())).toEqual(before);
    }
  });

  test("that is missing leaves the target of decoding alone", async () => {
    const { image } = await build();
    const reader = await Qcow2Reader.open(image.backend);
    const target = MemoryBackend.fromBytes(Uint8Array.of(1, 2, 3));
    await expect(decodeToRaw(reader, target)).rejects.toMatchObject({ code: "QCOW2_MISSING_CAPABILITY" });
    expect(target.toBytes(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test("without an opener is missed only when it is read", async () => {
    const { image } = await build();
    const reader = await Qcow2Reader.open(image.backend);
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({
      code: "QCOW2_MISSING_CAPABILITY",
    });
  });

  test("that is the image itself is refused, and closed", async () => {
    const { image } = await build();
    const files = new Files().add("data.raw", image.backend.snapshot({ identity: image.backend.identity }));
    const reader = await Qcow2Reader.open(image.backend, { openReference: files.open });
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "QCOW2_CHAIN_LOOP" });
    expect(files.closes).toEqual({ "data.raw": 1 });
  });

  test("of a backing file that is the image on top is refused", async () => {
    const { image } = await build();
    const { backend: top } = await new ImageBuilder({
      size: 2 ** 20,
      backing: { name: "base", format: "qcow2" },
    }).build();
    const files = new Files()
      .add("base", image.backend)
      .add("data.raw", top.snapshot({ identity: top.identity }));
    const reader = await Qcow2Reader.open(top, { openReference: files.open });
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "QCOW2_CHAIN_LOOP" });
  });

  test("whose opening fails is opened anew by the next read", async () => {
    const { image, data } = await build();
    let attempts = 0;
    const openReference = async () => {
      if (++attempts === 1) throw new BackendError("BACKEND_IO", "not now");
      return { backend: data };
    };
    const reader = await Qcow2Reader.open(image.backend, { openReference });
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "BACKEND_IO" });
    const byte = new Uint8Array(1);
    await reader.read(0, byte);
    expect(byte[0]).toBe(3);
  });

  test("that cannot tell its size is closed", async () => {
    const { image, data } = await build();
    const file = new Watched(data);
    file.size = () => Promise.reject(new BackendError("BACKEND_IO", "no size"));
    const reader = await Qcow2Reader.open(image.backend, { openReference: async () => ({ backend: file }) });
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "BACKEND_IO" });
    expect(file.closes).toBe(1);
  });

  test("is not lost to others when the read that opened it is aborted", async () => {
    const { image, data } = await build();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const openReference: ReferenceOpener = async (_, { signal }) => {
      await gate;
      signal?.throwIfAborted();
      return { backend: data };
    };
    const reader = await Qcow2Reader.open(image.backend, { openReference });
    const abort = new AbortController();
    const first = reader.read(0, new Uint8Array(1), { signal: abort.signal });
    const byte = new Uint8Array(1);
    const second = reader.read(0, byte);
    abort.abort();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    release();
    await second;
    expect(byte[0]).toBe(3);
  });

  test("is not opened by a read that outlives its reader", async () => {
    const { image, data } = await build();
    const files = new Files().add("data.raw", data);
    const reader = await Qcow2Reader.open(image.backend, { openReference: files.open });
    const read = reader.read(0, new Uint8Array(1));
    await reader.close();
    await expect(read).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
    expect(files.closes).toEqual({ "data.raw": files.asked.length });
  });
});
