import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BitmapDirectoryEntry,
  decodeBitmapDirectory,
  encodeBitmapDirectory,
  type FormatErrorCode,
} from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";

const SCOPE = { clusterSize: 65536, virtualSize: 2 ** 30 };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function entryWith(changes: Partial<BitmapDirectoryEntry> = {}): BitmapDirectoryEntry {
  const { flags = 2, nameBytes = text("b0") } = changes;
  return {
    tableOffset: 0x50000n,
    tableSize: 1,
    type: 1,
    granularityBits: 16,
    extraData: new Uint8Array(0),
    ...changes,
    flags,
    inUse: (flags & 1) !== 0,
    auto: (flags & 2) !== 0,
    extraDataCompatible: (flags & 4) !== 0,
    name: new TextDecoder().decode(nameBytes),
    nameBytes,
  };
}

// bitmap_table_offset, bitmap_table_size, flags, type, granularity_bits, name_size, extra_data_size, name, padding
const BYTES = Uint8Array.from([
  ...[0, 0, 0, 0, 0, 5, 0, 0],
  ...[0, 0, 0, 1, 0, 0, 0, 2],
  ...[1, 16, 0, 2, 0, 0, 0, 0],
  ...[0x62, 0x30, 0, 0, 0, 0, 0, 0],
]);

type Refused = readonly [string, Partial<BitmapDirectoryEntry>, FormatErrorCode, string, number];

const REFUSED: readonly Refused[] = [
  ["no table", { tableOffset: 0n }, "QCOW2_INVALID_FIELD", "bitmap_table_offset", 0],
  ["a table off a cluster", { tableOffset: 512n }, "QCOW2_INVALID_FIELD", "bitmap_table_offset", 0],
  ["an empty table", { tableSize: 0 }, "QCOW2_INVALID_FIELD", "bitmap_table_size", 8],
  ["a bitmap of more than 512 MiB", { tableSize: 8193 }, "QCOW2_LIMIT_EXCEEDED", "bitmap_table_size", 8],
  [
    "a table too small for the disk",
    { granularityBits: 9, tableSize: 3 },
    "QCOW2_INVALID_FIELD",
    "bitmap_table_size",
    8,
  ],
  ["reserved flags", { flags: 8 }, "QCOW2_INVALID_FIELD", "flags", 12],
  ["the highest reserved flag", { flags: 0x80000000 }, "QCOW2_INVALID_FIELD", "flags", 12],
  ["type 2", { type: 2 }, "QCOW2_UNSUPPORTED_FEATURE", "type", 16],
  ["granularity_bits 8", { granularityBits: 8 }, "QCOW2_INVALID_FIELD", "granularity_bits", 17],
  ["granularity_bits 32", { granularityBits: 32 }, "QCOW2_INVALID_FIELD", "granularity_bits", 17],
  ["no name", { nameBytes: new Uint8Array(0) }, "QCOW2_INVALID_FIELD", "name_size", 18],
  ["a name of 1024 bytes", { nameBytes: new Uint8Array(1024) }, "QCOW2_INVALID_FIELD", "name_size", 18],
  ["unknown extra data", { extraData: Uint8Array.of(1) }, "QCOW2_UNSUPPORTED_FEATURE", "extra_data_size", 20],
];

describe("decodeBitmapDirectory", () => {
  it("reads what the specification says, and encodeBitmapDirectory writes it", () => {
    expect(decodeBitmapDirectory(BYTES, 1, SCOPE)).toEqual([entryWith()]);
    expect(encodeBitmapDirectory([entryWith()])).toEqual(BYTES);
  });

  it.each<readonly [string, Partial<BitmapDirectoryEntry>]>([
    ["a bitmap of exactly 512 MiB", { tableSize: 8192 }],
    ["a name of 1023 bytes", { nameBytes: new Uint8Array(1023).fill(0x61) }],
    ["a table too small for the disk while in use", { granularityBits: 9, flags: 1 }],
    ["extra data that is marked as compatible", { flags: 4, extraData: Uint8Array.of(1, 2, 3) }],
    ["the coarsest granularity", { granularityBits: 31 }],
  ])("accepts %s", (_title, changes) => {
    const entries = [entryWith(), entryWith(changes), entryWith({ flags: 3 })];
    expect(decodeBitmapDirectory(encodeBitmapDirectory(entries), 3, SCOPE)).toEqual(entries);
  });

  it.each(REFUSED)("refuses %s", (_title, changes, code, field, offset) => {
    const bytes = encodeBitmapDirectory([entryWith(), entryWith(changes)]);
    const structure = "bitmap directory entry 1";
    expectFormatError(() => decodeBitmapDirectory(bytes, 2, SCOPE), { code, structure, field, offset });
  });

  it.each([
    ["fewer entries than counted", BYTES, 2, 32],
    ["more entries than counted", new Uint8Array([...BYTES, ...BYTES]), 1, 32],
    ["an entry with none counted", BYTES, 0, 0],
  ])("refuses %s", (_title, bytes, count, offset) => {
    const expected = {
      code: "QCOW2_INVALID_FIELD",
      structure: "bitmap directory",
      field: "nb_bitmaps",
      offset,
    } as const;
    expectFormatError(() => decodeBitmapDirectory(bytes, count, SCOPE), expected);
  });

  it.each([
    ["inside the fixed fields", BYTES.slice(0, 23), "the fixed fields"],
    ["before the padding of an entry ends", BYTES.slice(0, 31), "the entry"],
    ["inside extra data of 4 GiB", Uint8Array.from(BYTES).fill(255, 20, 24), "the entry"],
  ])("refuses a directory that ends %s", (_title, bytes, field) => {
    const expected = {
      code: "QCOW2_TRUNCATED",
      structure: "bitmap directory entry 0",
      field,
      offset: 0,
    } as const;
    expectFormatError(() => decodeBitmapDirectory(bytes, 1, SCOPE), expected);
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: 63 }), fc.nat({ max: 255 })), { maxLength: 4 });
    const mutated = changes.map((list) => {
      const bytes = new Uint8Array([...BYTES, ...BYTES]);
      for (const [at, value] of list) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(
        fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })),
        fc.nat({ max: 65535 }),
        (bytes, count) => {
          throwsOnlyFormatErrors(() => decodeBitmapDirectory(bytes, count, SCOPE));
          throwsOnlyFormatErrors(() => decodeBitmapDirectory(bytes, 2, SCOPE));
        },
      ),
    );
  });
});

describe("encodeBitmapDirectory", () => {
  it("gives back what was decoded", () => {
    const anyEntry = fc
      .record({
        tableOffset: fc.bigInt({ min: 1n, max: 2n ** 47n }).map((cluster) => cluster << 16n),
        tableSize: fc.integer({ min: 1, max: 8192 }),
        flags: fc.constantFrom(4, 5, 6, 7),
        granularityBits: fc.integer({ min: 11, max: 31 }),
        nameBytes: fc.uint8Array({ minLength: 1, maxLength: 50 }),
        extraData: fc.uint8Array({ maxLength: 50 }),
      })
      .map(entryWith);
    fc.assert(
      fc.property(fc.array(anyEntry), (entries) => {
        expect(decodeBitmapDirectory(encodeBitmapDirectory(entries), entries.length, SCOPE)).toEqual(entries);
      }),
    );
  });

  it("refuses a name that its length field cannot hold", () => {
    const place = { structure: "bitmap directory entry 0", field: "name_size", offset: 18 };
    const entry = entryWith({ nameBytes: new Uint8Array(65536) });
    expectFormatError(() => encodeBitmapDirectory([entry]), { code: "QCOW2_INVALID_FIELD", ...place });
  });

  it("refuses a directory that is too large to be read again", () => {
    const extraData = new Uint8Array(2 ** 26);
    const expected = { code: "QCOW2_LIMIT_EXCEEDED", structure: "bitmap directory" } as const;
    expectFormatError(() => encodeBitmapDirectory([entryWith({ flags: 4, extraData })]), expected);
  });
});
