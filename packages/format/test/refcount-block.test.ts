import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRefcounts,
  nextZeroRefcount,
  readRefcount,
  refcountAt,
  refcountMax,
  setRefcountAt,
  writeRefcount,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";

const WIDTHS = [1, 2, 4, 8, 16, 32, 64];
const STRUCTURE = "refcount block";

describe("readRefcount", () => {
  it.each([
    [1, [0b0000_0101, 0b1000_0000], [1n, 0n, 1n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 1n]],
    [2, [0b11_10_01_00, 1], [0n, 1n, 2n, 3n, 1n, 0n, 0n, 0n]],
    [4, [0x21, 0xf3], [1n, 2n, 3n, 15n]],
    [8, [1, 255], [1n, 255n]],
    [16, [1, 2, 0xff, 0xfe], [0x102n, 0xfffen]],
    [32, [1, 2, 3, 4, 0x80, 0, 0, 0], [0x1020304n, 0x80000000n]],
    [64, [0x80, 2, 3, 4, 5, 6, 7, 8], [0x8002030405060708n]],
  ])("reads %i-bit refcounts, low bits first below a byte, big-endian above", (width, bytes, expected) => {
    const block = Uint8Array.from(bytes);
    expect(expected.map((_, index) => readRefcount(block, index, width))).toEqual(expected);
    const written = new Uint8Array(block.length).fill(0xa5);
    expected.forEach((value, index) => {
      writeRefcount(written, index, width, value);
    });
    expect(written).toEqual(block);
  });

  it("refuses an index past the block", () => {
    const expected = { code: "QCOW2_TRUNCATED", structure: STRUCTURE, field: "refcount", offset: 4 } as const;
    expectFormatError(() => readRefcount(new Uint8Array(4), 2, 16), expected);
    expectFormatError(() => writeRefcount(new Uint8Array(4), 32, 1, 0n), expected);
  });
});

describe("writeRefcount", () => {
  it("changes one refcount and leaves the others", () => {
    const cases = fc.record({
      bytes: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      width: fc.constantFrom(...WIDTHS),
      at: fc.nat(),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(cases, ({ bytes, width, at, value }) => {
        const count = 256 / width;
        const expected = Array.from({ length: count }, (_, index) => readRefcount(bytes, index, width));
        expected[at % count] = BigInt.asUintN(width, value);
        writeRefcount(bytes, at % count, width, BigInt.asUintN(width, value));
        expect(Array.from({ length: count }, (_, index) => readRefcount(bytes, index, width))).toEqual(
          expected,
        );
      }),
    );
  });

  it.each(WIDTHS)("refuses a refcount of more than %i bits", (width) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure: STRUCTURE, field: "refcount" } as const;
    expectFormatError(() => writeRefcount(new Uint8Array(8), 0, width, 1n << BigInt(width)), expected);
    expectFormatError(() => writeRefcount(new Uint8Array(8), 0, width, -1n), expected);
  });
});

describe("decodeRefcounts", () => {
  it.each(WIDTHS)("gives what readRefcount gives at %i bits, saturated", (width) => {
    const blocks = fc.uint8Array({ minLength: 16, maxLength: 64 });
    fc.assert(
      fc.property(blocks, fc.boolean(), fc.nat({ max: 3 }), (block, wide, outIndex) => {
        const count = Math.floor((block.length * 8) / width);
        const out = wide ? new Uint32Array(count + 4) : new Uint16Array(count + 4);
        decodeRefcounts(block, width, out, outIndex, count);
        const maximum = wide ? 0xffffffffn : 0xffffn;
        for (let index = 0; index < count; index++) {
          const exact = readRefcount(block, index, width);
          expect(BigInt(out[outIndex + index] ?? -1)).toBe(exact > maximum ? maximum : exact);
        }
      }),
    );
  });

  it("stops inside a byte when fewer refcounts are wanted, and touches no other element", () => {
    const out = new Uint16Array(6).fill(7);
    decodeRefcounts(Uint8Array.from([0xff]), 2, out, 1, 3);
    expect([...out]).toEqual([7, 3, 3, 3, 7, 7]);
  });

  it("reads a block that is a view into a larger buffer", () => {
    const larger = Uint8Array.from([9, 9, 9, 0, 0, 0, 5, 0, 0, 0, 6]);
    const out = new Uint32Array(2);
    decodeRefcounts(larger.subarray(3), 32, out, 0, 2);
    expect([...out]).toEqual([5, 6]);
  });

  it("refuses to read past the block", () => {
    const expected = { code: "QCOW2_TRUNCATED", structure: STRUCTURE, field: "refcount", offset: 0 } as const;
    expectFormatError(() => decodeRefcounts(new Uint8Array(3), 16, new Uint16Array(9), 0, 2), expected);
  });

  it("refuses an array without room as the caller's mistake", () => {
    expect(() => decodeRefcounts(new Uint8Array(8), 16, new Uint16Array(4), 1, 4)).toThrow(RangeError);
  });
});

describe("refcounts as numbers", () => {
  const MAX = Number.MAX_SAFE_INTEGER;

  it("are what the typed functions say, and change nothing else", () => {
    const cases = fc.record({
      bytes: fc.uint8Array({ minLength: 64, maxLength: 64 }),
      width: fc.constantFrom(...WIDTHS),
      at: fc.nat(),
      value: fc.nat({ max: MAX - 1 }),
    });
    fc.assert(
      fc.property(cases, ({ bytes, width, at, value }) => {
        const index = at % ((64 * 8) / width);
        const exact = readRefcount(bytes, index, width);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(refcountAt(view, index, width)).toBe(exact > BigInt(MAX) ? MAX : Number(exact));
        const written = bytes.slice();
        const fits = width === 64 ? value : value % 2 ** width;
        writeRefcount(written, index, width, BigInt(fits));
        setRefcountAt(view, index, width, fits);
        expect(bytes).toEqual(written);
        expect(refcountAt(view, index, width)).toBe(fits);
      }),
    );
  });

  it("are found by the first that is 0, from a place up to another", () => {
    const cases = fc.record({
      bytes: fc.array(fc.constantFrom(0, 0, 1, 0x10, 0xff), { minLength: 16, maxLength: 16 }),
      width: fc.constantFrom(...WIDTHS),
      from: fc.nat(),
      to: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ bytes, width, from, to }) => {
        const block = Uint8Array.from(bytes);
        const entries = 128 / width;
        const [start, end] = [from % (entries + 1), to % (entries + 1)].sort((a, b) => a - b) as [
          number,
          number,
        ];
        let expected = start;
        while (expected < end && readRefcount(block, expected, width) !== 0n) expected++;
        expect(nextZeroRefcount(new DataView(block.buffer), start, end, width)).toBe(expected);
      }),
    );
  });

  it("go up to all ones of their width, or to what numbers count", () => {
    expect(WIDTHS.map(refcountMax)).toEqual([1, 3, 15, 255, 65_535, 0xffff_ffff, MAX - 1]);
    const view = new DataView(new ArrayBuffer(8));
    for (const width of WIDTHS) {
      setRefcountAt(view, 0, width, refcountMax(width));
      expect(refcountAt(view, 0, width)).toBe(refcountMax(width));
    }
    view.setBigUint64(0, 2n ** 64n - 1n);
    expect(refcountAt(view, 0, 64)).toBe(MAX);
  });
});
