import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bitmapTableEntryHasReservedBits,
  bitmapTableEntryKind,
  checkBitmapTableEntry,
  decodeBitmapTableEntry,
  encodeBitmapTableEntry,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { u64 } from "./sample-header.js";

describe("bitmap table entries", () => {
  it.each([
    [0n, { kind: "zeros", offset: 0n, reserved: 0n }],
    [1n, { kind: "ones", offset: 0n, reserved: 0n }],
    [0x50000n, { kind: "data", offset: 0x50000n, reserved: 0n }],
    [0x50001n, { kind: "data", offset: 0x50000n, reserved: 1n }],
    [0xff000000000001ffn, { kind: "ones", offset: 0n, reserved: 0xff000000000001fen }],
  ] as const)("%i is read and written", (entry, decoded) => {
    expect(decodeBitmapTableEntry(entry)).toEqual(decoded);
    expect(encodeBitmapTableEntry(decoded)).toBe(entry);
  });

  it("has the same numeric and bigint forms", () => {
    fc.assert(
      fc.property(u64(), (entry) => {
        const [hi, lo] = [Number(entry >> 32n), Number(entry & 0xffffffffn)];
        const { kind, reserved } = decodeBitmapTableEntry(entry);
        expect(bitmapTableEntryKind(hi, lo)).toBe(kind);
        expect(bitmapTableEntryHasReservedBits(hi, lo)).toBe(reserved !== 0n);
      }),
    );
  });

  it("gives back all 64 bits", () => {
    const sparse = fc.array(fc.nat({ max: 63 }), { maxLength: 3 }).map((bits) => {
      return bits.reduce((entry, bit) => entry | (1n << BigInt(bit)), 0n);
    });
    fc.assert(
      fc.property(fc.oneof(u64(), sparse), (entry) => {
        expect(encodeBitmapTableEntry(decodeBitmapTableEntry(entry))).toBe(entry);
      }),
    );
  });

  it.each([
    ["data without offset", { kind: "data", offset: 0n, reserved: 0n }, "offset"],
    ["ones with offset", { kind: "ones", offset: 512n, reserved: 0n }, "offset"],
    ["zeros with bit 0", { kind: "zeros", offset: 0n, reserved: 1n }, "reserved bits"],
  ] as const)("refuses to encode %s", (_title, entry, field) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure: "bitmap table entry", field } as const;
    expectFormatError(() => encodeBitmapTableEntry(entry), expected);
  });
});

describe("checkBitmapTableEntry", () => {
  it("passes zeros, ones and aligned data", () => {
    for (const entry of [0n, 1n, 0x50000n]) checkBitmapTableEntry(decodeBitmapTableEntry(entry), 65536, 0);
  });

  it.each([
    ["reserved bits", 2n],
    ["bit 0 beside an offset", 0x50001n],
    ["an offset that is no multiple of the cluster size", 0x50200n],
  ])("refuses %s", (_title, entry) => {
    const expected = {
      code: "QCOW2_INVALID_FIELD",
      structure: "bitmap table",
      field: "entry 3",
      offset: 24,
    } as const;
    expectFormatError(() => checkBitmapTableEntry(decodeBitmapTableEntry(entry), 65536, 3), expected);
  });
});
