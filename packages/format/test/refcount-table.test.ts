import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRefcountTableEntry,
  encodeRefcountTableEntry,
  refcountTableEntryHasReservedBits,
  refcountTableEntryOffset,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { u64 } from "./sample-header.js";

describe("refcount table entries", () => {
  it("has the offset in bits 9 to 63", () => {
    expect(decodeRefcountTableEntry(2n ** 64n - 1n)).toEqual({ offset: 2n ** 64n - 512n, reserved: 0x1ffn });
    expect(refcountTableEntryOffset(0x001fffff, 0xffffffff)).toBe(2 ** 53 - 512);
    expect(refcountTableEntryOffset(0xffffffff, 0xfffffe00)).toBe(Number(2n ** 64n - 512n));
    expect(refcountTableEntryOffset(-1, -1)).toBe(Number(2n ** 64n - 512n));
  });

  it("finds reserved bits 0 to 8", () => {
    expect(refcountTableEntryHasReservedBits(0x1ff)).toBe(true);
    expect(refcountTableEntryHasReservedBits(0x100)).toBe(true);
    expect(refcountTableEntryHasReservedBits(0xfffffe00)).toBe(false);
  });

  it("gives back all 64 bits", () => {
    fc.assert(
      fc.property(u64(), (entry) => {
        expect(encodeRefcountTableEntry(decodeRefcountTableEntry(entry))).toBe(entry);
      }),
    );
  });

  it.each([
    ["an unaligned offset", { offset: 1n, reserved: 0n }, "offset"],
    ["an offset of 2^64", { offset: 2n ** 64n, reserved: 0n }, "offset"],
    ["reserved bits that are none", { offset: 0n, reserved: 0x200n }, "reserved bits"],
  ])("refuses to encode %s", (_title, entry, field) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure: "refcount table entry", field } as const;
    expectFormatError(() => encodeRefcountTableEntry(entry), expected);
  });
});
