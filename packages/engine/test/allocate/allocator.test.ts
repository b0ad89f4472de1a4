// Which clusters are given out, that none is given out twice, and that none is lost.

import { describe, expect, test } from "vitest";
import type { Reservation } from "../../src/allocate/allocator.js";
import { Random } from "../random.js";
import { settle } from "../write/gates.js";
import { makeAllocator, runsOf } from "./make-allocator.js";

const WIDTHS = [1, 2, 4, 8, 16, 32, 64];

function clustersOf({ runs }: Reservation): number[] {
  return runsOf(runs).flatMap(([first, count]) => Array.from({ length: count }, (_, at) => first + at));
}

describe("a reservation", () => {
  test.each(WIDTHS)(
    "takes the lowest free clusters, in a row: refcounts of %i bits",
    async (refcountBits) => {
      const { allocator, store, first } = await makeAllocator({ refcountBits });
      const { runs } = await allocator.reserve(10);
      expect(runsOf(runs)).toEqual([[first, 10]]);
      expect(store.get(first)).toBe(1);
      expect(store.get(first + 9)).toBe(1);
      expect(store.get(first + 10)).toBe(0);
      await allocator.drop(first + 3, 2);
      await allocator.drop(first + 8, 1);
      expect(runsOf((await allocator.reserve(4)).runs)).toEqual([
        [first + 3, 2],
        [first + 8, 1],
        [first + 10, 1],
      ]);
    },
  );

  test.each(WIDTHS)("goes on where a refcount block ends: refcounts of %i bits", async (refcountBits) => {
    const { allocator, store, first, places } = await makeAllocator({ refcountBits });
    const { refcountBlockEntries } = store.geometry;
    const reservation = await allocator.reserve(refcountBlockEntries * 2);
    expect(runsOf(reservation.runs)).toEqual([
      [first, refcountBlockEntries - first],
      [refcountBlockEntries + 1, refcountBlockEntries - 1],
      [2 * refcountBlockEntries + 1, first + 1],
    ]);
    for (const block of [1, 2]) {
      expect(store.blockOffset(block)).toBe(block * refcountBlockEntries * 512);
      expect(store.get(block * refcountBlockEntries)).toBe(1);
      expect(places.has(block * refcountBlockEntries)).toBe(true);
    }
  });

  test("is never of the gaps between the structures that the file begins with (S-0.9.1-6)", async () => {
    const { allocator, first } = await makeAllocator();
    expect(first).toBeGreaterThan(1);
    for (const cluster of clustersOf(await allocator.reserve(100)))
      expect(cluster).toBeGreaterThanOrEqual(first);
  });

  test("tells what was never used from what was, of a file that is longer than it need be (S-0.9.1-4)", async () => {
    const { allocator, first } = await makeAllocator({ fileSize: 20 * 512 + 1 });
    const { runs, virginFrom } = await allocator.reserve(40);
    expect(runsOf(runs)).toEqual([[first, 40]]);
    expect(virginFrom).toBe(21);
    await allocator.release(runs);
    expect((await allocator.reserve(1)).virginFrom).toBe(first + 40);
  });

  test("of two that run together is of other clusters each", async () => {
    const { allocator, store } = await makeAllocator({ clusterSize: 512, refcountBits: 64 });
    const random = new Random(1);
    const counts = Array.from({ length: 60 }, () => random.between(1, 90));
    const reservations = await Promise.all(counts.map((count) => allocator.reserve(count)));
    const all = reservations.flatMap(clustersOf);
    expect(all.length).toBe(counts.reduce((sum, count) => sum + count));
    expect(new Set(all).size).toBe(all.length);
    for (const cluster of all) expect(store.get(cluster)).toBe(1);
  });

  test("and one in a row that run together are of other clusters each", async () => {
    const { allocator } = await makeAllocator({ refcountBits: 64 });
    for (let round = 0; round < 20; round++) {
      const [row, ...others] = await Promise.all([
        allocator.reserveInARow(5),
        ...Array.from({ length: 8 }, () => allocator.reserve(3)),
      ]);
      const all = [...others.flatMap(clustersOf), ...Array.from({ length: 5 }, (_, at) => row + at)];
      expect(new Set(all).size).toBe(29);
    }
  });
});

describe("a cluster that is given back", () => {
  test("is free again, and nothing else is (S-0.9.4-4)", async () => {
    const { allocator, store, first } = await makeAllocator();
    const one = await allocator.reserve(5);
    await allocator.reserve(5);
    await allocator.release(one.runs);
    for (let at = 0; at < 10; at++) expect(store.get(first + at)).toBe(at < 5 ? 0 : 1);
    expect(clustersOf(await allocator.reserve(6))).toEqual([0, 1, 2, 3, 4, 10].map((at) => first + at));
  });

  test("is told of before anybody else can have it, and only when nothing references it", async () => {
    const { allocator, store, first } = await makeAllocator();
    await allocator.reserve(6);
    expect(allocator.tryAddReference(first + 2)).toBe(true);
    const told: [number, number][] = [];
    const onFree = async (from: number, count: number): Promise<void> => {
      told.push([from, count]);
      await settle();
      const { runs } = await allocator.reserve(1);
      expect(runs.first(0) < from || runs.first(0) >= from + count).toBe(true);
    };
    await allocator.drop(first, 6, onFree);
    expect(told).toEqual([
      [first, 2],
      [first + 3, 3],
    ]);
    expect(store.get(first + 2)).toBe(1);
  });

  test("keeps a refcount of 0, and one past what numbers count, as they are", async () => {
    const { allocator, store, first } = await makeAllocator({ refcountBits: 64 });
    await allocator.reserve(1);
    const block = store.peek(0)?.view;
    block?.setBigUint64((first + 1) * 8, 2n ** 64n - 1n);
    await allocator.drop(first, 3);
    expect([0, 1, 2].map((at) => store.get(first + at))).toEqual([0, Number.MAX_SAFE_INTEGER, 0]);
    expect(block?.getBigUint64((first + 1) * 8)).toBe(2n ** 64n - 1n);
  });
});

describe("references", () => {
  test.each(WIDTHS)("are added up to the largest refcount of %i bits, no further", async (refcountBits) => {
    const { allocator, store, first } = await makeAllocator({ refcountBits });
    await allocator.reserve(1);
    const max = refcountBits === 64 ? Number.MAX_SAFE_INTEGER - 1 : 2 ** refcountBits - 1;
    store.set(first, Math.max(1, max - 1));
    expect(allocator.tryAddReference(first)).toBe(refcountBits > 1);
    expect(store.get(first)).toBe(max);
    expect(allocator.tryAddReference(first)).toBe(false);
    expect(store.get(first)).toBe(max);
  });

  test("are not added to what is free, and what is in use is not reserved", async () => {
    const { allocator, first, store } = await makeAllocator();
    expect(allocator.tryReserve(first)).toBe(false);
    await allocator.reserve(1);
    expect(allocator.tryAddReference(first + 1)).toBe(false);
    expect(allocator.tryReserve(first)).toBe(false);
    expect(allocator.tryReserve(first + 1)).toBe(true);
    expect(allocator.tryReserve(store.geometry.refcountBlockEntries * 5)).toBe(false);
  });
});

describe("a cluster that holds metadata but counts as free (S-0.9.4-9)", () => {
  test("is never given out, and the image is found corrupt", async () => {
    const { allocator, places, first, corrupt, store } = await makeAllocator();
    places.add((first + 2) * 512, 512);
    await expect(allocator.reserve(5)).rejects.toMatchObject({
      code: "QCOW2_CORRUPT",
      offset: (first + 2) * 512,
    });
    expect(corrupt.length).toBeGreaterThan(0);
    for (let at = 0; at < 5; at++) expect(store.get(first + at)).toBe(0);
    expect(allocator.tryReserve(first + 2)).toBe(false);
  });

  test("is no place for a refcount block or a refcount table", async () => {
    for (const at of [0, 1]) {
      const { allocator, places, store } = await makeAllocator({ refcountBits: 64 });
      const { entries } = store;
      const perBlock = store.geometry.refcountBlockEntries;
      const cluster = at === 0 ? perBlock : entries * perBlock + 1;
      places.add(cluster * 512, 512);
      await expect(allocator.reserve(entries * perBlock)).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
    }
  });

  test("is no place for guest data either", async () => {
    const { allocator, first } = await makeAllocator();
    expect(() => allocator.requireData(first, 10)).not.toThrow();
    expect(() => allocator.requireData(0, 1)).toThrow();
  });
});

describe("a row of clusters", () => {
  test("lies behind everything that was ever used, over several refcount blocks (one missing block each)", async () => {
    const { allocator, store, first } = await makeAllocator({ refcountBits: 64 });
    await allocator.reserve(3);
    const row = await allocator.reserveInARow(200);
    expect(row).toBe(first + 3);
    for (let at = 0; at < 200; at++) expect(store.get(row + at)).toBe(1);
    expect(store.blockOffset(3) / 512).toBeGreaterThanOrEqual(row + 200);
    expect(await allocator.reserveInARow(1)).toBeGreaterThan(store.blockOffset(3) / 512);
  });

  test("leaves out what counts as used behind the end of the file", async () => {
    const { allocator, store, first } = await makeAllocator();
    await store.load(0);
    store.set(first + 5, 1);
    expect(await allocator.reserveInARow(6)).toBe(first + 6);
  });

  test("makes the refcount table longer when it must", async () => {
    const { allocator, store, pending } = await makeAllocator({ refcountBits: 64 });
    const { entries, place } = store;
    const row = await allocator.reserveInARow(entries * store.geometry.refcountBlockEntries + 10);
    expect(store.entries).toBeGreaterThan(entries);
    expect(store.isMoved).toBe(true);
    expect(runsOf(pending.take().replaced)[0]).toEqual([place.offset / 512, place.clusters]);
    expect(store.get(row)).toBe(1);
  });
});
