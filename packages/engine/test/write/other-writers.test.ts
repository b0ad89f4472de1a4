// Corruptions that QEMU and cloud-hypervisor made, each as a test that would fail with it.

import { CrashingBackend, FaultyBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, Qcow2Image } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { Gate, settle } from "./gates.js";
import { expectClean, expectContents, openReader, openWritable } from "./open-writable.js";

import { C, filled, fresh, readAt } from "./small-disks.js";

describe("corruptions of other writers that this one does not make", () => {
  test("QEMU: room for compressed clusters is not gone on with in a cluster that has become plain data's", async () => {
    const disk = await fresh();
    const image = await openWritable(disk);
    const model = new DiskModel(64 * C);
    const steps: [number, number, boolean][] = [
      [0, 1, true],
      [0, 2, false],
      [1, 3, false],
      [2, 4, true],
      [3, 5, false],
      [2, 6, false],
      [4, 7, true],
    ];
    for (const [cluster, value, compressed] of steps) {
      if (compressed) await image.writeCompressed(cluster * C, filled(value));
      else await image.write(cluster * C, filled(value));
      model.write(cluster * C, filled(value));
      await image.flush();
      await settle();
    }
    await image.close();
    await expectClean(disk);
    await expectContents(disk, model);
  });

  test("QEMU: nor when the compressed cluster is discarded, or its write has failed", async () => {
    const disk = await fresh();
    const faulty = new FaultyBackend(disk);
    const image = await openWritable(faulty);
    await image.writeCompressed(0, filled(1));
    await image.discard(0, C);
    await image.flush();
    await image.flush();
    await image.write(C, filled(2));
    await image.writeCompressed(2 * C, filled(3));
    faulty.add({ operation: "write", nth: faulty.counts.write + 1, effect: { kind: "short", bytes: 5 } });
    await expect(image.writeCompressed(3 * C, filled(4))).rejects.toMatchObject({ code: "BACKEND_IO" });
    await image.write(4 * C, filled(5));
    await image.writeCompressed(5 * C, filled(6));
    await image.close();
    await expectClean(disk);
    const reader = await openReader(disk);
    const first = async (cluster: number) => (await readAt(reader, cluster * C, 1))[0];
    expect([await first(0), await first(1), await first(2), await first(3)]).toEqual([0, 2, 3, 0]);
    expect([await first(4), await first(5)]).toEqual([5, 6]);
  });

  test("cloud-hypervisor: a write of a copy that fails frees neither the old cluster nor the new one twice", async () => {
    for (const kind of ["fail", "fail-after"] as const) {
      for (let nth = 1; nth <= 6; nth++) {
        const builder = new ImageBuilder({ size: 16 * 4096, clusterBits: 12 });
        for (let cluster = 0; cluster < 8; cluster++) builder.data(cluster, filled(cluster + 1, 4096));
        builder.snapshot("1", "one");
        const { backend, model } = await builder.build();
        const faulty = new FaultyBackend(backend);
        const image = await openWritable(faulty);
        faulty.add({ operation: "any", nth: faulty.counts.any + nth, effect: { kind } });
        for (let cluster = 0; cluster < 12; cluster++) {
          const bytes = filled(0x80 + cluster, 100);
          await image.write(cluster * 4096 + 7, bytes).then(
            () => model.write(cluster * 4096 + 7, bytes),
            () => undefined,
          );
        }
        await image.close();
        const { corruptions } = await checkImage(backend);
        expect(corruptions).toBe(0);
        const kept = builder.snapshots[0]?.model as DiskModel;
        await expectContents(backend, kept, {}, "1");
        const reader = await openReader(backend);
        for (let cluster = 0; cluster < 12; cluster++) {
          const bytes = await readAt(reader, cluster * 4096 + 3, 200);
          const value = bytes[4] as number;
          if (value === 0x80 + cluster) continue;
          expectBytes(bytes, model.read(cluster * 4096 + 3, 200), `cluster ${cluster}`);
        }
      }
    }
  });

  test("cloud-hypervisor: a hole is punched before its cluster is used again, never after", async () => {
    const gate = new Gate();
    const backend = new CrashingBackend(await fresh(), { hold: gate.hold });
    const image = await openWritable(backend);
    await image.write(0, filled(1, 4 * C));
    await image.flush();
    await image.discard(0, 4 * C);
    gate.shut("discard");
    await image.flush();
    await settle();
    expect(gate.waiting).toHaveLength(1);
    await image.write(10 * C, filled(2, 4 * C));
    gate.open();
    await image.flush();
    await image.write(20 * C, filled(3, 4 * C));
    await image.flush();
    await settle();
    expectBytes(await readAt(image, 10 * C, 4 * C), filled(2, 4 * C), "what was written");
    expectBytes(await readAt(image, 20 * C, 4 * C), filled(3, 4 * C), "what was written");
    await image.close();
    await expectClean(backend.snapshot());
  });

  test("cloud-hypervisor: opening and closing does not make a file longer, whatever its header claims", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, l1Size: 2 ** 19 }).data(0, filled(1));
    const image = await builder.build();
    // The L1 table of 4 MiB goes to the end of a file that has its first entry only.
    const end = Math.ceil((await image.backend.size()) / C) * C;
    await image.backend.write(end, image.backend.toBytes(image.l1Offset, 8));
    await image.putU64(40, BigInt(end));
    const opened = await Qcow2Image.open(image.backend);
    await opened.close();
    expect(await image.backend.size()).toBeLessThanOrEqual(end + C);
  });
});
