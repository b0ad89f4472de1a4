// Where compressed clusters go: one behind the other, counted for each cluster they touch, and never into a cluster
// that may be somebody else's.

import { describe, expect, test } from "vitest";
import { CompressedSpace } from "../../src/allocate/compressed-space.js";
import { Random } from "../random.js";
import { type AllocatorChoices, makeAllocator, runsOf } from "./make-allocator.js";

async function makeSpace(choices: AllocatorChoices = {}) {
  const made = await makeAllocator(choices);
  return { ...made, space: new CompressedSpace(made.allocator), at: made.first * 512 };
}

describe("room for compressed clusters", () => {
  test("follows the room before it, and each stream counts", async () => {
    const { space, store, at, first } = await makeSpace();
    expect((await space.reserve(100)).offset).toBe(at);
    expect((await space.reserve(200)).offset).toBe(at + 100);
    expect(store.get(first)).toBe(2);
  });

  test("goes on in the next cluster where that is free, and counts for both", async () => {
    const { space, store, at, first } = await makeSpace();
    await space.reserve(300);
    const { offset, runs } = await space.reserve(300);
    expect(offset).toBe(at + 300);
    expect(runsOf(runs)).toEqual([[first, 2]]);
    expect([store.get(first), store.get(first + 1)]).toEqual([2, 1]);
    expect((await space.reserve(10)).offset).toBe(at + 600);
  });

  test("begins elsewhere where the next cluster is in use", async () => {
    const { space, allocator, store, at, first } = await makeSpace();
    await space.reserve(300);
    await allocator.reserve(1);
    expect((await space.reserve(300)).offset).toBe(at + 2 * 512);
    expect([store.get(first), store.get(first + 1), store.get(first + 2)]).toEqual([1, 1, 1]);
  });

  test("that ends with its cluster leaves nothing behind to go on from", async () => {
    const { space, store, at, first } = await makeSpace();
    await space.reserve(300);
    await space.reserve(212);
    expect((await space.reserve(10)).offset).toBe(at + 512);
    expect([store.get(first), store.get(first + 1)]).toEqual([2, 1]);
  });

  test.each([1, 2])(
    "stops in a cluster whose refcount of %i bits is at its largest",
    async (refcountBits) => {
      const { space, store, first, at } = await makeSpace({ refcountBits });
      const places: number[] = [];
      for (let count = 0; count < 8; count++) places.push((await space.reserve(200)).offset - at);
      for (let cluster = first; cluster < first + 8; cluster++)
        expect(store.get(cluster)).toBeLessThanOrEqual(2 ** refcountBits - 1);
      expect(new Set(places).size).toBe(8);
      if (refcountBits === 1) for (const place of places) expect(place % 512).toBe(0);
    },
  );

  test("dies with its cluster: once that may be free, nothing more goes there", async () => {
    const { space, allocator, first, at } = await makeSpace();
    const place = await space.reserve(100);
    space.forget(first, 1);
    await allocator.release(place.runs);
    expect(runsOf((await allocator.reserve(1)).runs)).toEqual([[first, 1]]);
    expect((await space.reserve(100)).offset).toBe(at + 512);
  });

  test("stays where other clusters are forgotten", async () => {
    const { space, first, at } = await makeSpace();
    await space.reserve(100);
    space.forget(first - 1, 1);
    space.forget(first + 1, 5);
    expect((await space.reserve(10)).offset).toBe(at + 100);
  });

  test("is nobody else's: random lengths, several at once, some given back", async () => {
    const random = new Random(3);
    const { space, allocator, store, at } = await makeSpace();
    const held: { start: number; end: number }[] = [];
    const references = new Map<number, number>();
    for (let round = 0; round < 60; round++) {
      const lengths = Array.from({ length: random.between(1, 4) }, () => random.between(1, 512));
      const places = await Promise.all(lengths.map((length) => space.reserve(length)));
      for (const [index, { offset, runs }] of places.entries()) {
        const end = offset + (lengths[index] as number);
        for (const other of held) expect(offset >= other.end || end <= other.start).toBe(true);
        if (random.chance(0.3)) {
          space.forget(runs.first(0), runs.clusters);
          await allocator.release(runs);
          continue;
        }
        held.push({ start: offset, end });
        for (let cluster = Math.floor(offset / 512); cluster * 512 < end; cluster++)
          references.set(cluster, (references.get(cluster) ?? 0) + 1);
      }
    }
    for (const [cluster, count] of references) expect(store.get(cluster)).toBe(count);
    expect(Math.min(...held.map(({ start }) => start))).toBe(at);
  });
});
