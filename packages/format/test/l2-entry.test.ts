import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeL2Entry,
  encodeL2Entry,
  type L2Entry,
  type L2EntryGeometry,
  L2Kind,
  l2EntryHasReservedBits,
  l2EntryIsCopied,
  l2EntryKind,
  l2EntryOffset,
  putL2Entry,
} from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { u64 } from "./sample-header.js";

const V3: L2EntryGeometry = { version: 3, clusterBits: 16, extendedL2: false, hasDataFile: false };
const V2: L2EntryGeometry = { ...V3, version: 2 };
const EXTENDED: L2EntryGeometry = { ...V3, extendedL2: true };
const DATA_FILE: L2EntryGeometry = { ...V3, hasDataFile: true };

const anyGeometry: fc.Arbitrary<L2EntryGeometry> = fc.record({
  version: fc.constantFrom<2 | 3>(2, 3),
  clusterBits: fc.integer({ min: 9, max: 21 }),
  extendedL2: fc.boolean(),
  hasDataFile: fc.boolean(),
});

function halves(entry: bigint): [number, number] {
  return [Number(entry >> 32n), Number(entry & 0xffffffffn)];
}

describe("l2EntryKind", () => {
  it.each([
    ["nothing", 0n, L2Kind.unallocated],
    ["an offset", 0x50000n, L2Kind.normal],
    ["an offset in the upper half", 1n << 40n, L2Kind.normal],
    ["COPIED alone, without data file", 1n << 63n, L2Kind.unallocated],
    ["the zero flag", 1n, L2Kind.zeroPlain],
    ["the zero flag with an offset", 0x50001n, L2Kind.zeroAllocated],
    ["the compressed flag, whatever else", (1n << 62n) | 0x50001n, L2Kind.compressed],
    ["reserved bits alone", 0x3f000000000001fen, L2Kind.unallocated],
  ])("is decided by %s", (_title, entry, kind) => {
    expect(l2EntryKind(...halves(entry))).toBe(kind);
  });

  it("takes offset 0 with COPIED for a cluster of the data file", () => {
    expect(l2EntryKind(...halves(1n << 63n), true)).toBe(L2Kind.normal);
    expect(l2EntryKind(0, 0, true)).toBe(L2Kind.unallocated);
  });
});

describe("numeric fields of L2 entries", () => {
  it("reads the largest offset exactly", () => {
    expect(l2EntryOffset(0xffffffff, 0xffffffff)).toBe(2 ** 56 - 512);
  });

  it("reads COPIED from bit 63", () => {
    expect(l2EntryIsCopied(0x80000000)).toBe(true);
    expect(l2EntryIsCopied(0x7fffffff)).toBe(false);
  });

  it.each([
    ["version 3", { extended: false }, false],
    ["version 2", { extended: false, version: 2 }, true],
    ["extended L2", { extended: true, version: 3 }, true],
  ] as const)("finds every reserved bit of %s and no other", (_title, rules, bitZeroIsReserved) => {
    for (let bit = 0n; bit < 64n; bit++) {
      const reserved = bit === 0n ? bitZeroIsReserved : bit <= 8n || (bit >= 56n && bit <= 61n);
      expect(l2EntryHasReservedBits(...halves(1n << bit), rules)).toBe(reserved);
    }
  });

  it("knows no reserved bits in compressed entries", () => {
    expect(l2EntryHasReservedBits(...halves(2n ** 63n - 1n), { extended: true })).toBe(false);
  });
});

describe("decodeL2Entry", () => {
  const offset = 0x50000n;
  const cases: readonly (readonly [string, bigint, L2EntryGeometry, L2Entry])[] = [
    ["a normal cluster", offset | (1n << 63n), V3, { kind: "normal", offset, copied: true, reserved: 0n }],
    ["a zero cluster", 1n, V3, { kind: "zeroPlain", offset: 0n, copied: false, reserved: 0n }],
    [
      "a preallocated zero cluster",
      offset | 1n,
      V3,
      { kind: "zeroAllocated", offset, copied: false, reserved: 0n },
    ],
    [
      "bit 0 in version 2 as reserved",
      offset | 1n,
      V2,
      { kind: "normal", offset, copied: false, reserved: 1n },
    ],
    [
      "bit 0 in extended L2 as reserved",
      1n,
      EXTENDED,
      { kind: "unallocated", offset: 0n, copied: false, reserved: 1n },
    ],
    [
      "the first cluster of a data file",
      1n << 63n,
      DATA_FILE,
      { kind: "normal", offset: 0n, copied: true, reserved: 0n },
    ],
    [
      "a compressed cluster",
      (1n << 62n) | (2n << 54n) | 0x12345n,
      V3,
      { kind: "compressed", hostOffset: 0x12345n, length: 3 * 512 - 0x145, copied: false },
    ],
  ];

  it.each(cases)("reads %s, and encodeL2Entry writes it", (_title, entry, geometry, decoded) => {
    expect(decodeL2Entry(entry, geometry)).toEqual(decoded);
    expect(encodeL2Entry(decoded, geometry)).toBe(entry);
  });

  it("gives back all 64 bits, in every geometry", () => {
    fc.assert(
      fc.property(u64(), anyGeometry, (entry, geometry) => {
        expect(encodeL2Entry(decodeL2Entry(entry, geometry), geometry)).toBe(entry);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("encodeL2Entry", () => {
  const entry = { copied: false, reserved: 0n } as const;

  it.each([
    ["an unaligned offset", { ...entry, kind: "normal", offset: 0x5001n }, V3, "offset"],
    [
      "a reserved bit that is the zero flag",
      { ...entry, kind: "normal", offset: 512n, reserved: 1n },
      V3,
      "reserved bits",
    ],
    ["a normal cluster without offset", { ...entry, kind: "normal", offset: 0n }, V3, "kind"],
    ["an unallocated cluster with offset", { ...entry, kind: "unallocated", offset: 512n }, V3, "kind"],
    ["a plain zero cluster with offset", { ...entry, kind: "zeroPlain", offset: 512n }, V3, "kind"],
    ["a zero cluster in version 2", { ...entry, kind: "zeroPlain", offset: 0n }, V2, "kind"],
    ["a zero cluster with extended L2", { ...entry, kind: "zeroAllocated", offset: 512n }, EXTENDED, "kind"],
  ] as const)("refuses %s", (_title, wrong, geometry, field) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure: "L2 entry", field } as const;
    expectFormatError(() => encodeL2Entry(wrong, geometry), expected);
  });
});

describe("putL2Entry", () => {
  it("writes what encodeL2Entry would, for every offset below 2^53, and no byte beside it", () => {
    const cases = fc.record({
      cluster: fc.nat({ max: 2 ** 44 - 1 }),
      copied: fc.boolean(),
      zero: fc.boolean(),
      at: fc.nat({ max: 3 }),
    });
    fc.assert(
      fc.property(cases, ({ cluster, copied, zero, at }) => {
        const offset = cluster * 512;
        const kinds = ["unallocated", "normal", "zeroPlain", "zeroAllocated"] as const;
        const kind = kinds[(zero ? 2 : 0) + (offset === 0 ? 0 : 1)] as (typeof kinds)[number];
        const entry = encodeL2Entry({ kind, offset: BigInt(offset), copied, reserved: 0n }, V3);
        const table = new DataView(new Uint8Array(32).fill(0xa5).buffer);
        const expected = new DataView(table.buffer.slice(0));
        expected.setBigUint64(at * 8, entry);
        putL2Entry(table, at * 8, offset, copied, zero);
        expect(new Uint8Array(table.buffer)).toEqual(new Uint8Array(expected.buffer));
      }),
    );
  });
});
