// A host that fails: every operation in turn fails once, and the error is the backend's; then all is well again.

import { FaultyBackend, ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { BackendError, isBackendError, readOnly } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, decodeToRaw, Qcow2Reader } from "../src/index.js";
import { expectBytes } from "./expect-disk.js";
import { ImageBuilder } from "./image-builder.js";
import { Random } from "./random.js";
import { compression } from "./streams.js";

const CLUSTER = 4096;

async function build() {
  const random = new Random(5);
  const builder = new ImageBuilder({ size: 2 ** 22, clusterBits: 12, gap: () => random.below(8) });
  for (let cluster = 0; cluster < 1024; cluster += random.between(1, 40)) {
    if (random.chance(0.3)) await builder.compressed(cluster, random.text(CLUSTER));
    else builder.data(cluster, random.bytes(CLUSTER));
  }
  builder.snapshot("1", "one").bitmap("bits", ["data", "ones"]);
  return { image: await builder.build(), model: builder.model };
}

describe("a host failure", () => {
  test("at every operation in turn rejects with its own error, and the reader goes on", async () => {
    const { image, model } = await build();
    const whole = model.bytes();
    let failures = 0;
    for (let nth = 1; ; nth++) {
      const faulty = new FaultyBackend(image.backend, {
        faults: [{ operation: "any", nth, effect: { kind: "fail" } }],
      });
      const backend = readOnly(faulty);
      const target = new Uint8Array(model.size);
      let reader: Qcow2Reader | undefined;
      let failed = false;
      const attempt = async () => {
        reader ??= await Qcow2Reader.open(backend, { compression, metadataCacheBytes: 1 });
        for await (const _ of reader.map());
        await reader.read(0, target);
        await checkImage(backend);
      };
      await attempt().catch((error: unknown) => {
        expect(isBackendError(error, "BACKEND_IO"), String(error)).toBe(true);
        failed = true;
      });
      if (!failed && faulty.counts.any < nth) break;
      // A failure of a table that is read ahead may show to nobody.
      if (failed) failures++;
      await attempt();
      expectBytes(target, whole, `after a failure of operation ${nth}`);
    }
    expect(failures).toBeGreaterThan(20);
  });

  test("cut short in the middle of a file's bytes is no zeros", async () => {
    const { image } = await build();
    const faulty = new FaultyBackend(image.backend);
    const reader = await Qcow2Reader.open(readOnly(faulty), { compression });
    for await (const _ of reader.map());
    const mapped = await reader.seekMapped(0);
    faulty.add({ operation: "read", nth: faulty.counts.read + 1, effect: { kind: "short", bytes: 5 } });
    await expect(reader.read(mapped, new Uint8Array(CLUSTER))).rejects.toMatchObject({
      code: "BACKEND_SHORT_READ",
    });
  });

  test("of a file that is cut while it is open is no zeros either", async () => {
    const { image } = await build();
    const reader = await Qcow2Reader.open(readOnly(image.backend), { compression });
    for await (const _ of reader.map());
    const mapped = await reader.seekMapped(0);
    await image.backend.resize(8192);
    await expect(reader.read(mapped, new Uint8Array(1))).rejects.toMatchObject({
      code: "BACKEND_SHORT_READ",
    });
  });

  test("of the decompressor's host is the backend's error, not the image's", async () => {
    const { image } = await build();
    const broken = {
      ...compression,
      compress: compression.compress,
      decompress: async () => {
        throw new BackendError("BACKEND_UNSUPPORTED", "no such method here");
      },
    };
    const reader = await Qcow2Reader.open(image.backend, { compression: broken });
    await expect(reader.read(0, new Uint8Array(2 ** 22))).rejects.toMatchObject({
      code: "BACKEND_UNSUPPORTED",
    });
  });
});

describe("a slow host", () => {
  test("changes nothing but the time", async () => {
    const { image, model } = await build();
    const clock = new ManualClock();
    const faulty = new FaultyBackend(image.backend, {
      clock,
      faults: [
        { operation: "any", nth: 1, times: Number.POSITIVE_INFINITY, effect: { kind: "delay", ms: 10 } },
      ],
    });
    const target = new Uint8Array(model.size);
    const reading = Qcow2Reader.open(readOnly(faulty), { compression }).then((reader) =>
      reader.read(0, target),
    );
    let done = false;
    void reading.finally(() => {
      done = true;
    });
    while (!done) {
      await clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await reading;
    expectBytes(target, model.bytes(), "a slow read");
  });
});

describe("decodeToRaw", () => {
  test("gives the model, leaves holes, and tells how far it is", async () => {
    const { image, model } = await build();
    const reader = await Qcow2Reader.open(image.backend, { compression });
    const target = MemoryBackend.fromBytes(new Uint8Array(2 ** 23).fill(9));
    const faulty = new FaultyBackend(target);
    const progress: number[] = [];
    await decodeToRaw(reader, faulty, { onProgress: ({ done, total }) => progress.push(done / total) });
    expectBytes(target.toBytes(), model.bytes(), "the target");
    expect(target.allocatedBytes).toBeLessThan(model.size / 4);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    expect(faulty.counts.flush).toBe(0);
  });

  test("not sparse writes every byte and keeps the target's length", async () => {
    const { image, model } = await build();
    const reader = await Qcow2Reader.open(image.backend, { compression });
    const target = MemoryBackend.fromBytes(new Uint8Array(2 ** 23).fill(9));
    const faulty = new FaultyBackend(target);
    await decodeToRaw(reader, faulty, { sparse: false });
    expect(faulty.counts.resize).toBe(0);
    expectBytes(target.toBytes(0, model.size), model.bytes(), "the target");
    expect(target.toBytes(model.size).every((byte) => byte === 9)).toBe(true);
  });

  test("stops at the first failure of the target, with that error, once nothing writes any more", async () => {
    const { image } = await build();
    for (const nth of [1, 2, 5, 9]) {
      const reader = await Qcow2Reader.open(image.backend, { compression });
      const target = new MemoryBackend();
      const faulty = new FaultyBackend(target, {
        faults: [{ operation: "write", nth, effect: { kind: "short", bytes: 7 } }],
      });
      await expect(decodeToRaw(reader, faulty, { sparse: false })).rejects.toMatchObject({
        code: "BACKEND_IO",
      });
      const { write } = faulty.counts;
      await new Promise((resolve) => setImmediate(resolve));
      expect(faulty.counts.write).toBe(write);
      await reader.read(0, new Uint8Array(100));
    }
  });

  test("of a closed reader leaves the target as it was", async () => {
    const { image } = await build();
    const reader = await Qcow2Reader.open(image.backend, { compression });
    await reader.close();
    const target = MemoryBackend.fromBytes(new Uint8Array(100).fill(1));
    await expect(decodeToRaw(reader, target)).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
    expect(target.toBytes()).toEqual(new Uint8Array(100).fill(1));
  });

  test("of an image whose map is damaged says so, and stops", async () => {
    const { image } = await build();
    const [table] = image.l2Offsets.values();
    await image.putU64((table as number) + 8 * 511, (2n ** 40n) | 512n);
    const reader = await Qcow2Reader.open(image.backend, { compression });
    await expect(decodeToRaw(reader, new MemoryBackend())).rejects.toMatchObject({
      code: "QCOW2_UNALIGNED_OFFSET",
    });
  });
});
