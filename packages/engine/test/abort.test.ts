// Cancelling: whatever is under way rejects with the signal's reason, soon, and leaves the caller's memory alone.

import { FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { type CompressionBackend, type IoOptions, readOnly, withTracing } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, decodeToRaw, Qcow2Reader, readChain, readMetadata } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";
import { compression } from "./streams.js";

const CLUSTER = 65536;

async function build(clusters = 64) {
  const builder = new ImageBuilder({ size: clusters * CLUSTER });
  for (let cluster = 0; cluster < clusters; cluster += 2) {
    builder.data(cluster, new Uint8Array(CLUSTER).fill(cluster + 1));
    await builder.compressed(cluster + 1, new Uint8Array(CLUSTER).fill(0x80 + (cluster % 64)));
  }
  return await builder.build();
}

/** A backend that calls `abort` when its n-th read starts. */
function abortingAt(backend: MemoryBackend, nth: number, abort: AbortController) {
  let reads = 0;
  return withTracing(readOnly(backend), ({ phase, operation }) => {
    if (phase === "start" && operation === "read" && ++reads === nth) abort.abort();
  });
}

type Work = (reader: Qcow2Reader, options: IoOptions) => Promise<unknown>;

const WORKS: Record<string, Work> = {
  read: (reader, options) => reader.read(0, new Uint8Array(reader.virtualSize), options),
  map: async (reader, options) => {
    for await (const _ of reader.map({}, options));
  },
  seekUnmapped: (reader, options) => reader.seekUnmapped(0, options),
  chunks: async (reader, options) => {
    for await (const _ of reader.chunks({}, { ...options, chunkBytes: CLUSTER }));
  },
  readable: async (reader, options) => {
    for await (const _ of reader.readable({}, options));
  },
  decodeToRaw: (reader, options) => decodeToRaw(reader, new MemoryBackend(), options),
};

describe("an abort", () => {
  test.each(Object.entries(WORKS))(
    "in the first read of %s rejects with the signal's reason",
    async (_, work) => {
      const image = await build();
      const abort = new AbortController();
      const counting = abortingAt(image.backend, Number.POSITIVE_INFINITY, abort);
      await Qcow2Reader.open(counting);
      const reader = await Qcow2Reader.open(abortingAt(image.backend, 3, abort), { compression });
      await expect(work(reader, { signal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });
      const again = new Uint8Array(CLUSTER);
      await reader.read(0, again);
      expect(again[0]).toBe(1);
    },
  );

  test.each(Object.entries(WORKS))("before %s starts rejects, too", async (_, work) => {
    const reader = await Qcow2Reader.open((await build(2)).backend, { compression });
    const reason = new Error("changed my mind");
    await expect(work(reader, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("of a decode that has not begun leaves the target as it was", async () => {
    const reader = await Qcow2Reader.open((await build(2)).backend, { compression });
    const target = MemoryBackend.fromBytes(new Uint8Array(100).fill(1));
    const ignoring = Object.assign(target, { resize: () => expect.fail("it was cut") });
    await expect(decodeToRaw(reader, ignoring, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  test("while an L2 table is on its way does not wait for it", async () => {
    const image = await build(2);
    const faulty = new FaultyBackend(image.backend);
    const reader = await Qcow2Reader.open(readOnly(faulty), { compression });
    faulty.add({
      operation: "read",
      nth: faulty.counts.read + 1,
      effect: { kind: "hold", until: new Promise(() => undefined) },
    });
    const abort = new AbortController();
    const reading = reader.read(0, new Uint8Array(1), { signal: abort.signal });
    const mapping = reader.map({}, { signal: abort.signal }).next();
    abort.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect(mapping).rejects.toMatchObject({ name: "AbortError" });
  });

  test("of a check, of metadata and of a chain", async () => {
    const image = await build();
    for (const nth of [1, 2, 3, 4]) {
      const abort = new AbortController();
      const backend = abortingAt(image.backend, nth, abort);
      await expect(checkImage(backend, { signal: abort.signal })).rejects.toMatchObject({
        name: "AbortError",
      });
    }
    const signal = AbortSignal.abort();
    await expect(readMetadata(image.backend, { signal })).rejects.toMatchObject({ name: "AbortError" });
    await expect(readChain(image.backend, { signal })).rejects.toMatchObject({ name: "AbortError" });
    await expect(Qcow2Reader.open(image.backend, { signal })).rejects.toMatchObject({ name: "AbortError" });
  });

  test("writes nothing into the caller's buffer after the rejection, slow as backend and decoder may be", async () => {
    const image = await build(16);
    const pending: (() => void)[] = [];
    const slowly = <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => pending.push(() => void work().then(resolve, reject)));
    const backend = readOnly(image.backend);
    let slow = false;
    const read = backend.read.bind(backend);
    backend.read = (offset, target) => (slow ? slowly(() => read(offset, target)) : read(offset, target));
    const slowCompression: CompressionBackend = {
      ...compression,
      compress: compression.compress.bind(compression),
      decompress: (method, source, target) => slowly(() => compression.decompress(method, source, target)),
    };
    const reader = await Qcow2Reader.open(backend, { compression: slowCompression });
    for await (const _ of reader.map());
    slow = true;
    for (let steps = 0; steps < 30; steps++) {
      const abort = new AbortController();
      const target = new Uint8Array(reader.virtualSize);
      let settled = false;
      let copy: Uint8Array | undefined;
      const reading = reader
        .read(0, target, { signal: abort.signal })
        .catch(() => undefined)
        .then(() => {
          settled = true;
          copy = target.slice();
        });
      for (let step = 0; !settled; step++) {
        if (step === steps) abort.abort();
        pending.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await reading;
      while (pending.length > 0) {
        pending.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(Buffer.compare(target, copy as Uint8Array)).toBe(0);
    }
  });
});
