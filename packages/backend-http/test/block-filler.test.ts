import { describe, expect, it } from "vitest";
import { BlockCache } from "../src/block-cache.js";
import { BlockFiller } from "../src/block-filler.js";
import { expectBytes, sampleBytes } from "./open-for-test.js";

const contents = sampleBytes(100);

function cachedBytes(cache: BlockCache): (number | undefined)[] {
  return Array.from({ length: 100 }, (_, at) => {
    const target = new Uint8Array(1);
    return cache.copy(at, target) === 1 ? target[0] : undefined;
  });
}

const only = (start: number, end: number) =>
  Array.from(contents, (byte, at) => (at >= start && at < end ? byte : undefined));

/** A cache of blocks of 16 bytes that got what lies from `start` to `end`, `step` bytes at a time. */
function filled(start: number, end: number, step: number): BlockCache {
  const cache = new BlockCache(16, 1000);
  const filler = new BlockFiller(cache, start, end, 100);
  // More than it should take arrives: requests are longer than what is to be kept of them.
  for (let at = 0; at < 100; at += step) filler.add(at, contents.subarray(at, at + step));
  return cache;
}

describe("bytes that arrive in a row", () => {
  it.each([1, 7, 16, 50, 100])("fill the blocks that they cover wholly, %i bytes at a time", (step) => {
    expect(cachedBytes(filled(0, 100, step))).toEqual(only(0, 100));
    expect(cachedBytes(filled(10, 70, step))).toEqual(only(16, 64));
    expect(cachedBytes(filled(16, 17, step))).toEqual(only(0, 0));
    expect(cachedBytes(filled(90, 100, step))).toEqual(only(96, 100));
  });

  it("can be had before their block is whole", () => {
    const filler = new BlockFiller(new BlockCache(16, 1000), 0, 100, 100);
    filler.add(0, contents.subarray(0, 21));
    expect(filler.partAt(15)).toBeUndefined();
    expectBytes(filler.partAt(18) as Uint8Array, contents.subarray(18, 21));
    expect(filler.partAt(21)).toBeUndefined();
  });

  it("may arrive anew from an earlier place", () => {
    const cache = new BlockCache(16, 1000);
    const filler = new BlockFiller(cache, 0, 100, 100);
    filler.add(0, new Uint8Array(10));
    filler.add(0, contents.subarray(0, 50));
    expect(cachedBytes(cache)).toEqual(only(0, 48));
    filler.add(16, contents.subarray(16));
    expect(cachedBytes(cache)).toEqual(only(0, 100));
  });
});

describe("the cache", () => {
  it("never keeps more than its bound, nor a block that is larger", () => {
    const cache = new BlockCache(16, 40);
    for (let block = 0; block < 6; block += 1) {
      cache.put(block * 16, contents.slice(block * 16, block * 16 + 16));
      expect(cache.bytes).toBeLessThanOrEqual(40);
    }
    expect(cachedBytes(cache)).toEqual(only(64, 96));
    const none = new BlockCache(16, 10);
    none.put(0, contents.slice(0, 16));
    expect(none.bytes).toBe(0);
  });

  it("counts a block once that is put twice", () => {
    const cache = new BlockCache(16, 40);
    cache.put(0, contents.slice(0, 16));
    cache.put(0, contents.slice(0, 16));
    expect(cache.bytes).toBe(16);
    cache.clear();
    expect(cache.bytes).toBe(0);
  });
});
