import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compressedLength,
  compressedOffset,
  decodeCompressedDescriptor,
  encodeCompressedDescriptor,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { u64 } from "./sample-header.js";

const STRUCTURE = "compressed cluster descriptor";
const clusterBits = (): fc.Arbitrary<number> => fc.integer({ min: 9, max: 21 });

describe("compressed cluster descriptors", () => {
  it.each([
    [9, 61],
    [12, 58],
    [16, 54],
    [21, 49],
  ])("with cluster_bits %i has %i bits of offset, the rest of 62 counts sectors", (bits, offsetBits) => {
    const highest = (1n << BigInt(offsetBits)) - 1n;
    expect(decodeCompressedDescriptor(highest, bits)).toEqual({ hostOffset: highest, length: 1 });
    expect(decodeCompressedDescriptor(highest + 1n, bits)).toEqual({ hostOffset: 0n, length: 1024 });
    const sectors = 2 ** (62 - offsetBits);
    expect(decodeCompressedDescriptor(2n ** 62n - 1n, bits).length).toBe(sectors * 512 - 511);
  });

  it("ends with its last sector, not a sector after the first byte", () => {
    const descriptor = { hostOffset: 0x10007n, length: 1024 - 7 };
    expect(encodeCompressedDescriptor(descriptor, 16)).toBe((1n << 54n) | 0x10007n);
    expect(compressedLength(1 << 22, 0x10007, 16)).toBe(1017);
    expect(compressedOffset(1 << 22, 0x10007, 16)).toBe(0x10007);
  });

  it("rounds a length up to the end of a sector", () => {
    const encoded = encodeCompressedDescriptor({ hostOffset: 510n, length: 3 }, 16);
    expect(decodeCompressedDescriptor(encoded, 16)).toEqual({ hostOffset: 510n, length: 514 });
  });

  it("has the same numeric and bigint forms, up to the nearest number past 2^53", () => {
    fc.assert(
      fc.property(u64(), clusterBits(), (entry, bits) => {
        const [hi, lo] = [Number(entry >> 32n), Number(entry & 0xffffffffn)];
        const { hostOffset, length } = decodeCompressedDescriptor(entry, bits);
        expect(compressedOffset(hi, lo, bits)).toBe(Number(hostOffset));
        expect(compressedLength(hi, lo, bits)).toBe(length);
        expect(compressedOffset(hi | 0, lo | 0, bits)).toBe(Number(hostOffset));
      }),
    );
  });

  it("gives back all 62 bits", () => {
    fc.assert(
      fc.property(u64(), clusterBits(), (entry, bits) => {
        const descriptor = decodeCompressedDescriptor(entry, bits);
        expect(encodeCompressedDescriptor(descriptor, bits)).toBe(entry & (2n ** 62n - 1n));
      }),
    );
  });

  it.each([
    ["an offset of too many bits", { hostOffset: 2n ** 54n, length: 512 }, "host offset"],
    ["an offset below 0", { hostOffset: -1n, length: 512 }, "host offset"],
    ["no bytes", { hostOffset: 0n, length: 0 }, "length"],
    ["more sectors than the field counts", { hostOffset: 1n, length: 256 * 512 }, "length"],
    ["half a byte", { hostOffset: 0n, length: 0.5 }, "length"],
  ])("refuses %s", (_title, descriptor, field) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure: STRUCTURE, field } as const;
    expectFormatError(() => encodeCompressedDescriptor(descriptor, 16), expected);
  });
});
