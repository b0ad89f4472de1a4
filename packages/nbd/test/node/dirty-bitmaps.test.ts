// Bitmaps that QEMU kept, as a real client sees them over our server.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openReadable, systemClock } from "@qcow/backend-node";
import { DirtyBitmap, Qcow2Reader } from "@qcow/engine";
import { expect, it } from "vitest";
import { imageExport, NbdServer } from "../../src/index.js";
import { listen } from "../../src/node/index.js";
import { outputOf, skips } from "../tools.js";

it.skipIf(skips("qemu-img") || skips("qemu-io") || skips("nbdinfo"))(
  "bitmaps of an image are contexts, and say what QEMU wrote (needs qemu-img, qemu-io and nbdinfo)",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "qcow-nbd-"));
    const path = join(folder, "disk.qcow2");
    await outputOf("qemu-img", "create", "-q", "-f", "qcow2", path, "64M");
    for (const [name, granularity] of [
      ["fine", "512"],
      ["coarse", "1M"],
    ] as const) {
      await outputOf("qemu-img", "bitmap", "--add", "-g", granularity, path, name);
    }
    await outputOf("qemu-io", "-c", "write 5M 1536", "-c", "write 63M 1M", path);
    const backend = await openReadable(path);
    const image = await Qcow2Reader.open(backend);
    const bitmaps = await Promise.all(
      image.metadata.bitmaps.map(({ name }) => DirtyBitmap.open(backend, image.metadata, name)),
    );
    const server = new NbdServer({
      exports: new Map([["", imageExport(image, { bitmaps })]]),
      time: systemClock,
    });
    const listener = await listen(server, { path: join(folder, "socket") });
    const mapOf = async (name: string): Promise<number[][]> => {
      const map = `--map=qemu:dirty-bitmap:${name}`;
      const extents = JSON.parse(await outputOf("nbdinfo", "--json", map, listener.uri as string));
      return extents.map((each: Record<string, number>) => [each.offset, each.length, each.type]);
    };
    const MIB = 1024 * 1024;
    expect(await mapOf("fine")).toEqual([
      [0, 5 * MIB, 0],
      [5 * MIB, 1536, 1],
      [5 * MIB + 1536, 58 * MIB - 1536, 0],
      [63 * MIB, MIB, 1],
    ]);
    expect(await mapOf("coarse")).toEqual([
      [0, 5 * MIB, 0],
      [5 * MIB, MIB, 1],
      [6 * MIB, 57 * MIB, 0],
      [63 * MIB, MIB, 1],
    ]);
    await listener.close();
    await server.close();
    await image.close();
    await backend.close();
    await rm(folder, { recursive: true });
  },
);
