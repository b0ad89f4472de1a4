// Recycling while the image is in use: when it happens, that nobody sees anything of it, and that it stops in time.

import { FaultyBackend } from "@qcow/backend-memory";
import { type BlockBackend, ForwardingBackend, type IoOptions } from "@qcow/block";
import { checkImage, Qcow2Image } from "@qcow/engine";
import { expect, test } from "vitest";
import { CLUSTER, clusterBytes, recycledImage } from "./recycled-image.js";

/** Calls `before` before each read. */
class OnRead extends ForwardingBackend {
  readonly #before: () => void;

  constructor(inner: BlockBackend, before: () => void) {
    super(inner);
    this.#before = before;
  }

  override async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.#before();
    await this.inner.read(offset, target, options);
  }
}

const compacting = { compactAfterBytes: 4 * CLUSTER };

function expected(clusters: number, given: (index: number) => boolean): number[] {
  return Array.from({ length: clusters }, (_, index) => (given(index) ? 0 : index + 1));
}

test("S-0.9.0-1 S-0.6.0-3: what the guest gives up makes the file shorter, while the disk reads the same", async () => {
  const { file, image, pass } = await recycledImage({ config: compacting });
  const before = await file.size();
  await image.discard(0, 32 * CLUSTER);
  await pass(30_000);
  expect(await file.size()).toBeLessThanOrEqual(before - 32 * CLUSTER);
  expect(await clusterBytes(image)).toEqual(expected(64, (index) => index < 32));
  await image.close();
  expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
});

test("S-0.7.0-4 S-0.9.1-3: compaction waits until discards have settled", async () => {
  const { file, image, pass } = await recycledImage({ config: compacting });
  const before = await file.size();
  for (let index = 0; index < 10; index++) {
    await image.discard(index * 2 * CLUSTER, CLUSTER);
    await image.flush();
    await pass(4000);
  }
  expect(await file.size()).toBe(before);
  await pass(20_000);
  expect(await file.size()).toBeLessThan(before);
  await image.close();
});

test("S-0.9.1-3: nothing is compacted before enough is free", async () => {
  const { file, image, pass } = await recycledImage({ config: { compactAfterBytes: 40 * CLUSTER } });
  const before = await file.size();
  await image.discard(0, 32 * CLUSTER);
  await pass(60_000);
  expect(await file.size()).toBe(before);
  expect(image.recycling?.junk).toBe(32 * CLUSTER);
  await image.close();
});

test("a refcount that a crash has left behind the end of the file counts as in use once the file grows", async () => {
  const told: string[] = [];
  const { file, image, pass } = await recycledImage({
    config: { keepErasedBytes: CLUSTER },
    observer: { diagnostic: ({ message }) => void told.push(message) },
    // One bit each: the first free cluster is free, the second has a reference.
    prepare: async (disk) => {
      const clusters = (await disk.size()) / CLUSTER;
      const block = new Uint8Array(CLUSTER);
      const place = new Uint8Array(8);
      await disk.read(CLUSTER, place);
      const at = Number(new DataView(place.buffer).getBigUint64(0));
      await disk.read(at, block);
      block[(clusters + 1) >> 3] = (block[(clusters + 1) >> 3] as number) | (1 << ((clusters + 1) & 7));
      await disk.write(at, block);
    },
  });
  const before = (await file.size()) / CLUSTER;
  await image.resize(image.virtualSize + 2 * CLUSTER);
  await image.write(64 * CLUSTER, new Uint8Array(2 * CLUSTER).fill(7));
  await image.discard(0, 2 * CLUSTER);
  await pass(20_000);
  expect(told).toEqual([]);
  expect(image.recycling?.fileSize).toBe((before + 3) * CLUSTER);
  await image.close();
  expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 1 });
});

test("what was given up is durable after five seconds, without a flush of the guest", async () => {
  let flushes = 0;
  const observer = { hostFlush: () => void flushes++ };
  const { image, pass } = await recycledImage({ config: { keepErasedBytes: CLUSTER }, observer });
  await image.discard(8 * CLUSTER, 4 * CLUSTER);
  const atOnce = flushes;
  await pass(4000);
  expect(flushes).toBe(atOnce);
  await pass(2000);
  expect(flushes).toBeGreaterThan(atOnce);
  expect(image.recycling?.junkTotal).toBe(4 * CLUSTER);
  await image.close();
});

test("S-0.9.1-4: a pool of erased clusters is kept, and is available once it is durable", async () => {
  const { image, pass } = await recycledImage({ config: { keepErasedBytes: 3 * CLUSTER } });
  await image.discard(8 * CLUSTER, 8 * CLUSTER);
  await image.flush();
  await pass(1000);
  expect(image.recycling).toMatchObject({ erased: 3 * CLUSTER, junk: 5 * CLUSTER, available: 0 });
  await pass(6000);
  expect(image.recycling).toMatchObject({ erased: 0, junk: 5 * CLUSTER, available: 3 * CLUSTER });
  await image.close();
});

test("a small write to an erased cluster writes nothing around it", async () => {
  const written: number[] = [];
  const observer = { hostWrite: ({ length }: { length: number }) => void written.push(length) };
  const { image, pass } = await recycledImage({ config: { keepErasedBytes: CLUSTER }, observer });
  await image.discard(8 * CLUSTER, CLUSTER);
  await image.flush();
  await pass(12_000);
  written.length = 0;
  await image.write(8 * CLUSTER + 512, new Uint8Array(512).fill(9));
  expect(written).toEqual([512]);
  const found = new Uint8Array(CLUSTER);
  await image.read(8 * CLUSTER, found);
  expect(found.reduce((sum, byte) => sum + byte, 0)).toBe(512 * 9);
  await image.close();
});

test("S-0.10.1-2: the clusters in use are those of a recount, after any of it", async () => {
  const { file, image, pass } = await recycledImage({
    config: { ...compacting, keepErasedBytes: 2 * CLUSTER },
  });
  for (let round = 0; round < 4; round++) {
    await image.discard(round * 8 * CLUSTER, 6 * CLUSTER);
    await pass(12_000);
    await image.write((63 - round) * CLUSTER, new Uint8Array(CLUSTER).fill(7));
    await image.write(round * 8 * CLUSTER, new Uint8Array(CLUSTER).fill(5));
    await pass(12_000);
  }
  await image.flush();
  const used = (image.recycling?.used ?? 0) / CLUSTER;
  await image.close();
  expect((await checkImage(file)).usedHostClusters).toBe(used);
});

test("S-0.9.1-8: a write in the middle of a move is not lost, and cancels the move", async () => {
  const events: string[] = [];
  const observer = {
    clusterState: ({ from, to }: { from: string; to: string }) => void events.push(`${from}>${to}`),
  };
  let writing: Promise<void> | undefined;
  const { image, pass } = await recycledImage({
    config: compacting,
    observer,
    around: (file) =>
      new OnRead(file, () => {
        // The first cluster is about to be copied.
        if (!events.includes("junk>copying")) return;
        writing ??= image.write(40 * CLUSTER, new Uint8Array(24 * CLUSTER).fill(99));
      }),
  });
  await image.discard(0, 32 * CLUSTER);
  await pass(30_000);
  await writing;
  expect(writing).toBeDefined();
  const disk = await clusterBytes(image);
  expect(disk).toEqual([...expected(40, (index) => index < 32), ...new Array(24).fill(99)]);
  expect(events).toContain("copying>junk");
  await image.close();
});

test("S-0.9.3-3: an L2 table that lies behind the end is moved, and what it describes stays", async () => {
  // With small clusters one table describes 32 KiB: the tables of the second half lie behind those of the first.
  const clusterSize = 512;
  const { file, image, pass } = await recycledImage({
    clusterSize,
    clusters: 512,
    config: { compactAfterBytes: 16 * clusterSize },
  });
  const before = await file.size();
  await image.discard(0, 448 * clusterSize);
  await pass(60_000);
  expect(await file.size()).toBeLessThan(before / 2);
  const disk = await clusterBytes(image, clusterSize);
  expect(disk.slice(448)).toEqual(Array.from({ length: 64 }, (_, index) => (449 + index) & 0xff));
  await image.close();
  expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
});

test("S-0.7.0-2: closing ends what is under way, and leaves a sound image", async () => {
  const { file, image, clock } = await recycledImage({ config: compacting });
  await image.discard(0, 32 * CLUSTER);
  await image.flush();
  await clock.advance(5100);
  await image.close();
  expect(clock.pending).toBe(0);
  expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  const again = await Qcow2Image.open(file);
  expect(await clusterBytes(again)).toEqual(expected(64, (index) => index < 32));
  await again.close();
});

test("one error does not end it: it is told, with the states, and the next try works", async () => {
  const messages: string[] = [];
  let faulty: FaultyBackend | undefined;
  const { file, image, pass } = await recycledImage({
    config: compacting,
    observer: { diagnostic: ({ message }) => void messages.push(message) },
    around: (inner) => {
      faulty = new FaultyBackend(inner);
      return faulty;
    },
  });
  const before = await file.size();
  await image.discard(0, 32 * CLUSTER);
  await image.flush();
  faulty?.add({ operation: "write", nth: (faulty.counts.write ?? 0) + 1, effect: { kind: "fail" } });
  await pass(60_000);
  expect(messages.length).toBe(1);
  expect(messages[0]).toMatch(/recycling failed: .* used; .* junk; .* erased; .* available/u);
  expect(await file.size()).toBeLessThan(before);
  expect(await clusterBytes(image)).toEqual(expected(64, (index) => index < 32));
  await image.close();
  expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
});

test("S-0.7.2-1: discard is refused where the configuration does not enable it", async () => {
  const { image } = await recycledImage({ config: { discard: false } });
  await expect(image.discard(0, CLUSTER)).rejects.toMatchObject({ code: "QCOW2_UNSUPPORTED_CHANGE" });
  await image.close();
});

test("S-0.7.0-5: an image that is damaged is refused, with the chains of references that show it", async () => {
  const { file, image } = await recycledImage();
  await image.close();
  // Two entries name one cluster.
  const bytes = file.toBytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const l1 = Number(view.getBigUint64(40));
  const l2 = Number(view.getBigUint64(l1) & 0x00ff_ffff_ffff_fe00n);
  await file.write(l2 + 8, bytes.subarray(l2, l2 + 8));
  const messages: string[] = [];
  const { defaultImageConfig } = await import("@qcow/engine");
  const opening = Qcow2Image.open(file, {
    config: defaultImageConfig(),
    observer: { diagnostic: ({ message }) => void messages.push(message) },
  });
  await expect(opening).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
  expect(
    messages.some((message) => /L1 table at .* entry 0 -> L2 table .* entry 1 -> cluster/u.test(message)),
  ).toBe(true);
});

test("without a clock, recycling is refused", async () => {
  const { file, image } = await recycledImage();
  await image.close();
  const { defaultImageConfig } = await import("@qcow/engine");
  const opening = Qcow2Image.open(file, {
    config: { ...defaultImageConfig(), compactAfterBytes: CLUSTER },
  });
  await expect(opening).rejects.toMatchObject({ code: "QCOW2_MISSING_CAPABILITY" });
});
