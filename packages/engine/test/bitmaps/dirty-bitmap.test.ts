import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";
import { DirtyBitmap, readMetadata } from "../../src/index.js";
import { goldenFile } from "../golden-image.js";

/** `[length, dirty]` of each run, neighbours joined. */
async function runsOf(bitmap: DirtyBitmap, offset: number, length: number): Promise<[number, boolean][]> {
  const runs: [number, boolean][] = [];
  await bitmap.scan(offset, length, (bytes, dirty) => {
    const last = runs.at(-1);
    if (last?.[1] === dirty) last[0] += bytes;
    else runs.push([bytes, dirty]);
    return true;
  });
  return runs;
}

async function opened(image: string, name: string) {
  const backend = goldenFile(`${image}.qcow2`);
  const metadata = await readMetadata(backend);
  return { backend, metadata, bitmap: await DirtyBitmap.open(backend, metadata, name) };
}

/** What nbdinfo says of the same image over qemu-nbd, as lengths of runs; the first one, which may be of no bytes, is clean. */
const RECORDED: Record<string, number[]> = {
  fine: [524288, 4096, 520192, 2048, 1046528, 69632, 2027008, 512],
  mid: [4194304],
  coarse: [0, 4194304],
  "\u00fcn\u00ef": [524288, 4096, 520192, 4096, 344064, 4096, 696320, 69632, 2023424, 4096],
};

describe("a bitmap", () => {
  it.each(Object.keys(RECORDED))("says what QEMU makes of it: %s", async (name) => {
    const { bitmap, metadata } = await opened("bitmap-many", name);
    const runs = await runsOf(bitmap, 0, metadata.geometry.virtualSize);
    expect(runs).toEqual(
      RECORDED[name]?.map((length, index) => [length, index % 2 === 1]).filter(([length]) => length !== 0),
    );
  });

  it("says of a part of the disk what it says of all of it", async () => {
    const { bitmap } = await opened("bitmap-many", "fine");
    expect(await runsOf(bitmap, 524_000, 1000)).toEqual([
      [288, false],
      [712, true],
    ]);
    expect(await runsOf(bitmap, 0, 0)).toEqual([]);
  });

  it("is read no further than somebody wants to know", async () => {
    const { bitmap, metadata } = await opened("bitmap-many", "fine");
    let calls = 0;
    await bitmap.scan(0, metadata.geometry.virtualSize, () => {
      calls += 1;
      return calls < 2;
    });
    expect(calls).toBe(2);
  });

  it("that does not exist, or was not saved, is none", async () => {
    const backend = goldenFile("bitmap-inuse.qcow2");
    const metadata = await readMetadata(backend);
    for (const name of ["b0", "none"]) {
      await expect(DirtyBitmap.open(backend, metadata, name)).rejects.toMatchObject({
        code: "QCOW2_NO_SUCH_BITMAP",
      });
    }
  });

  it("ends with the disk", async () => {
    const { bitmap, metadata } = await opened("bitmap-many", "fine");
    const { virtualSize } = metadata.geometry;
    for (const [offset, length] of [
      [virtualSize, 1],
      [-1, 1],
      [0, Number.NaN],
    ] as const) {
      await expect(bitmap.scan(offset, length, () => true)).rejects.toMatchObject({
        code: "QCOW2_OUT_OF_RANGE",
      });
    }
  });

  it("whose bits lie past the end of the file is an error, not clean", async () => {
    const { backend, metadata } = await opened("bitmap-many", "fine");
    const whole = new Uint8Array(await backend.size());
    await backend.read(0, whole);
    const entry = metadata.bitmaps.find(({ name }) => name === "fine");
    new DataView(whole.buffer).setBigUint64(Number(entry?.tableOffset), 2n ** 40n);
    const damaged = MemoryBackend.fromBytes(whole);
    const bitmap = await DirtyBitmap.open(damaged, metadata, "fine");
    await expect(bitmap.scan(0, 512, () => true)).rejects.toMatchObject({
      code: "QCOW2_REFERENCE_OUTSIDE_FILE",
    });
  });
});
