import { MemoryBackend } from "@qcow/backend-memory";
import { withTracing } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, createImage, Qcow2Image } from "../../src/index.js";
import { expectBytes } from "../expect-disk.js";
import { Gate } from "../recycle/gate.js";
import { kept } from "./open-writable.js";

const SIZE = 4 * 1024 * 1024;

async function make(extendedL2: boolean) {
  const file = new MemoryBackend({ label: "image" });
  const data = new MemoryBackend({ label: "data" });
  await createImage(file, {
    size: SIZE,
    extendedL2,
    lazyRefcounts: false,
    dataFile: { name: "data", raw: true, backend: data },
  });
  const words: string[] = [];
  const log = ({ label, phase, operation }: { label: string; phase: string; operation: string }) => {
    const isChange = operation === "write" || operation === "flush";
    if (phase === "start" && isChange) words.push(`${operation} ${label}`);
  };
  const seen = withTracing(data, log);
  const image = await Qcow2Image.open(withTracing(file, log), { openDataFile: async () => kept(seen) });
  return { file, data, image, words };
}

describe("an image whose data file is a disk by itself", () => {
  test("has its entries durable before data shows in the file, where subclusters were not mapped", async () => {
    const { file, data, image, words } = await make(true);
    await image.write(70_000, new Uint8Array(100).fill(5));
    const shown = words.indexOf("write data");
    expect(words.slice(0, shown)).toContain("write image");
    expect(words.slice(words.indexOf("write image"), shown)).toContain("flush image");
    expect([...data.toBytes(70_000, 2)]).toEqual([5, 5]);
    await image.close();
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  test.each([false, true])(
    "needs that once for all that a table maps (extended L2: %s)",
    async (extendedL2) => {
      const { image, words } = await make(extendedL2);
      await image.write(0, new Uint8Array(512).fill(1));
      words.length = 0;
      await image.write(SIZE - 512, new Uint8Array(512).fill(2));
      expect(words).toEqual(["write data"]);
      await image.close();
    },
  );

  test("has them durable also for a write that finds them in memory, where another one has just put them", async () => {
    const file = new MemoryBackend({ label: "image" });
    const data = new MemoryBackend({ label: "data" });
    const dataFile = { name: "data", raw: true, backend: data };
    await createImage(file, { size: SIZE, extendedL2: true, lazyRefcounts: false, dataFile });
    const gate = new Gate(file);
    const image = await Qcow2Image.open(gate, { openDataFile: async () => kept(data) });
    gate.shut = ({ kind }) => kind === "flush";
    const first = image.write(70_000, new Uint8Array(100).fill(5));
    while (gate.waiting === 0) await undefined;
    const second = image.write(140_000, new Uint8Array(100).fill(6));
    for (let turn = 0; turn < 200; turn++) await undefined;
    expect([...data.toBytes(140_000, 2)]).toEqual([0, 0]);
    gate.open();
    await Promise.all([first, second]);
    expect([...data.toBytes(140_000, 2)]).toEqual([6, 6]);
    await image.close();
  });

  test("reads what it read before: what is mapped is zero in the file", async () => {
    const { image } = await make(true);
    await image.write(300_000, new Uint8Array(1000).fill(9));
    const disk = new Uint8Array(SIZE);
    await image.read(0, disk);
    expectBytes(disk, new Uint8Array(SIZE).fill(9, 300_000, 301_000), "the disk");
    await image.close();
  });
});
