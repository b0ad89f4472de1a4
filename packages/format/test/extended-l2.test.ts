import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeSubclusterBitmap,
  encodeSubclusterBitmap,
  subclusterBitmapIsValid,
  subclusterKind,
  subclusterRunLength,
} from "../src/index.js";
import { u32, u64 } from "./sample-header.js";

/** Half a bitmap: any, or one with long runs. */
const half = fc.oneof(
  u32(),
  fc.tuple(fc.nat({ max: 31 }), u32()).map(([shift, start]) => (-1 << shift) >>> (start % 8)),
);

function countedRun(alloc: number, zero: number, index: number): number {
  const kind = subclusterKind(alloc, zero, index);
  let end = index + 1;
  while (end < 32 && subclusterKind(alloc, zero, end) === kind) end++;
  return end - index;
}

describe("subcluster bitmaps", () => {
  it("have allocation in the lower half and zeros in the upper one", () => {
    expect(decodeSubclusterBitmap(0x80000000_00000001n)).toEqual({ alloc: 1, zero: 0x80000000 });
    expect(encodeSubclusterBitmap({ alloc: 1, zero: 0x80000000 })).toBe(0x80000000_00000001n);
    expect(encodeSubclusterBitmap({ alloc: -1, zero: 0 })).toBe(0xffffffffn);
  });

  it("knows four kinds of subcluster", () => {
    expect([0, 1, 2, 3].map((index) => subclusterKind(0b1010, 0b1100, index))).toEqual([
      "unallocated",
      "allocated",
      "zero",
      "invalid",
    ]);
    expect(subclusterKind(0x80000000, 0, 31)).toBe("allocated");
  });

  it("is invalid with a subcluster both allocated and zero", () => {
    expect(subclusterBitmapIsValid(0x80000000, 0x7fffffff)).toBe(true);
    expect(subclusterBitmapIsValid(0x80000000, 0x80000000)).toBe(false);
  });

  it("runs to the end when all subclusters are alike", () => {
    expect(subclusterRunLength(0, 0, 0)).toBe(32);
    expect(subclusterRunLength(0xffffffff, 0, 5)).toBe(27);
    expect(subclusterRunLength(0, 0x80000000, 31)).toBe(1);
    expect(subclusterRunLength(0, 0x80000000, 0)).toBe(31);
  });

  it("counts runs as one by one", () => {
    fc.assert(
      fc.property(half, half, fc.nat({ max: 31 }), (alloc, zero, index) => {
        expect(subclusterRunLength(alloc, zero, index)).toBe(countedRun(alloc, zero, index));
      }),
    );
  });

  it("gives back all 64 bits", () => {
    fc.assert(
      fc.property(u64(), (bitmap) => {
        expect(encodeSubclusterBitmap(decodeSubclusterBitmap(bitmap))).toBe(bitmap);
      }),
    );
  });
});
