// Operations that are given up: they reject with the signal's reason, leave nothing locked and nothing reserved.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import type { Qcow2Image } from "../../src/index.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { Random } from "../random.js";
import { Gate, Shuffle, settle } from "./gates.js";
import { expectClean, openWritable } from "./open-writable.js";
import { C, filled, fresh, readAt } from "./small-disks.js";

const reason = new Error("no longer wanted");

type Change = [string, (image: Qcow2Image, signal: AbortSignal) => Promise<void>];

const CHANGES: Change[] = [
  ["write", (image, signal) => image.write(100, filled(1, 2 * C), { signal })],
  ["writeCompressed", (image, signal) => image.writeCompressed(0, filled(1, 2 * C), { signal })],
  ["discard", (image, signal) => image.discard(100, 2 * C, { signal })],
  ["writeZeroes", (image, signal) => image.writeZeroes(100, 2 * C, { signal })],
];

describe("a signal", () => {
  test.each([
    ...CHANGES,
    ["read", (image, signal) => image.read(0, new Uint8Array(C), { signal })],
    ["flush", (image, signal) => image.flush({ signal })],
    ["resize", (image, signal) => image.resize(2 ** 30, { signal })],
  ] as Change[])("that was given before %s leaves everything as it was", async (_, change) => {
    const disk = await fresh();
    const image = await openWritable(disk);
    await image.write(0, filled(9, 4 * C));
    await image.flush();
    const before = disk.toBytes();
    const controller = new AbortController();
    controller.abort(reason);
    await expect(change(image, controller.signal)).rejects.toBe(reason);
    expectBytes(disk.toBytes(), before, "the file");
    await image.write(0, filled(1, 100));
    await image.close();
    await expectClean(disk);
  });

  test.each(CHANGES)("ends %s while that waits for somebody else's lock, who goes on", async (_, change) => {
    const gate = new Gate();
    const backend = new CrashingBackend(await fresh(), { hold: gate.hold });
    const image = await openWritable(backend);
    gate.shut("write");
    const other = image.write(0, filled(7, 3 * C));
    await settle();
    const controller = new AbortController();
    const given = change(image, controller.signal);
    const rejected = expect(given).rejects.toBe(reason);
    const behind = image.write(C, filled(8, C));
    await settle();
    controller.abort(reason);
    await rejected;
    gate.open();
    await Promise.all([other, behind]);
    const bytes = await readAt(image, 0, 3 * C);
    expect([bytes[0], bytes[C], bytes[2 * C]]).toEqual([7, 8, 7]);
    await image.close();
    await expectClean(backend.snapshot());
  });

  test("ends a write that waits for what it copies, and its clusters are free again (S-0.9.4-4)", async () => {
    const gate = new Gate();
    const below = new CrashingBackend(MemoryBackend.fromBytes(filled(5, 4 * C)), { hold: gate.hold });
    const { backend } = await new ImageBuilder({
      size: 4 * C,
      backing: { name: "below", format: "raw" },
    }).build();
    const size = await backend.size();
    const image = await openWritable(backend, { backing: below });
    gate.shut("read");
    const controller = new AbortController();
    const rejected = expect(
      image.write(10, filled(1, 10), { signal: controller.signal }),
    ).rejects.toBeDefined();
    await settle();
    controller.abort(reason);
    gate.open();
    await rejected;
    // The next write takes the same place; otherwise a check would find a leak before it.
    await image.write(2 * C, filled(2));
    await image.close();
    await expectClean(backend);
    expect(await backend.size()).toBe(size + 2 * C);
  });

  test("at any moment leaves each byte old or new, and a clean image", async () => {
    const random = new Random(77);
    for (let round = 0; round < 12; round++) {
      const backend = new CrashingBackend(await fresh({ clusterSize: 4096, size: 64 * 4096 }), {
        hold: new Shuffle(random).hold,
      });
      const image = await openWritable(backend, {}, { metadataCacheBytes: 1 });
      await image.write(0, filled(1, 32 * 4096));
      const changes = Array.from({ length: 12 }, async (_, at) => {
        const controller = new AbortController();
        for (let turns = random.below(8); turns > 0; turns--) await settle();
        setImmediate(() => controller.abort(reason));
        const [, change] = random.pick(CHANGES) as Change;
        await (at % 3 === 0 ? image.flush() : change(image, controller.signal)).catch((error: unknown) =>
          expect(error).toBe(reason),
        );
      });
      await Promise.all(changes);
      for (const byte of new Set(await readAt(image, 0, 64 * 4096))) expect([0, 1]).toContain(byte);
      await image.close();
      await expectClean(backend.snapshot());
    }
  });
});
