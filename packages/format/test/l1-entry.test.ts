import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeL1Entry,
  encodeL1Entry,
  l1EntryHasReservedBits,
  l1EntryIsCopied,
  l1EntryOffset,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { u64 } from "./sample-header.js";

describe("L1 entries", () => {
  it("has offset, COPIED and reserved bits where the specification says", () => {
    const entry = { offset: 0x50000n, copied: true, reserved: 0n };
    expect(decodeL1Entry(0x8000000000050000n)).toEqual(entry);
    expect(encodeL1Entry(entry)).toBe(0x8000000000050000n);
    expect(decodeL1Entry(0x7f000000000001ffn)).toEqual({
      offset: 0n,
      copied: false,
      reserved: 0x7f000000000001ffn,
    });
  });

  it("reads the largest offset exactly", () => {
    expect(l1EntryOffset(0xffffffff, 0xffffffff)).toBe(2 ** 56 - 512);
    expect(decodeL1Entry(2n ** 64n - 1n).offset).toBe(2n ** 56n - 512n);
  });

  it("works on signed halves as on unsigned ones", () => {
    expect(l1EntryOffset(-1, -1)).toBe(2 ** 56 - 512);
    expect(l1EntryIsCopied(-1)).toBe(true);
    expect(l1EntryHasReservedBits(0x80000000 | 0, 0)).toBe(false);
  });

  it("finds every reserved bit and no other", () => {
    for (let bit = 0n; bit < 64n; bit++) {
      const entry = 1n << bit;
      const reserved = bit <= 8n || (bit >= 56n && bit <= 62n);
      expect(l1EntryHasReservedBits(Number(entry >> 32n), Number(entry & 0xffffffffn))).toBe(reserved);
      expect(decodeL1Entry(entry).reserved).toBe(reserved ? entry : 0n);
    }
  });

  it("gives back all 64 bits", () => {
    fc.assert(
      fc.property(u64(), (entry) => {
        expect(encodeL1Entry(decodeL1Entry(entry))).toBe(entry);
      }),
    );
  });

  it.each([
    ["an unaligned offset", { offset: 0x100n, copied: false, reserved: 0n }, "offset"],
    ["an offset of 2^56", { offset: 2n ** 56n, copied: false, reserved: 0n }, "offset"],
    ["an offset below 0", { offset: -512n, copied: false, reserved: 0n }, "offset"],
    ["reserved bits that are none", { offset: 0n, copied: false, reserved: 0x200n }, "reserved bits"],
  ])("refuses to encode %s", (_title, entry, field) => {
    expectFormatError(() => encodeL1Entry(entry), {
      code: "QCOW2_INVALID_FIELD",
      structure: "L1 entry",
      field,
    });
  });
});
