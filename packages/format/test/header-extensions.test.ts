import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backingFormatExtension,
  dataFileExtension,
  decodeHeaderExtensions,
  encodeHeaderExtensions,
  findExtension,
  findFeatureNames,
  type Header,
  type HeaderExtension,
} from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";
import { sampleHeader, sampleHeaderV2, u64 } from "./sample-header.js";

const AREA = "header extension";
const WITH_BITMAPS = sampleHeader({ autoclearFeatures: 1n });

/** The first cluster of an image with these bytes behind its header. */
function imageWith(extensionBytes: Iterable<number>, header: Header = sampleHeader()): Uint8Array {
  const bytes = new Uint8Array(2 ** header.clusterBits);
  bytes.set([...extensionBytes], header.headerLength);
  return bytes;
}

function extension(magic: number, data: Iterable<number>): number[] {
  const content = [...data];
  const padding = new Array<number>((8 - (content.length % 8)) % 8).fill(0);
  return [...word(magic), ...word(content.length), ...content, ...padding];
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function bitmapsData(
  changes: { count?: number; reserved?: number; size?: number; offset?: number } = {},
): number[] {
  const { count = 2, reserved = 0, size = 64, offset = 0x50000 } = changes;
  return [...word(count), ...word(reserved), ...word(0), ...word(size), ...word(0), ...word(offset)];
}

function decoded(bytes: Iterable<number>, header?: Header): HeaderExtension[] {
  return decodeHeaderExtensions(imageWith(bytes, header), header ?? sampleHeader()).extensions;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("decodeHeaderExtensions", () => {
  it("reads every known extension and keeps unknown ones", () => {
    const header = sampleHeader({ autoclearFeatures: 1n, cryptMethod: 2 });
    const bytes = [
      ...extension(0xe2792aca, text("qcow2")),
      ...extension(0x6803f857, [1, 0, ...text("lazy"), ...new Uint8Array(42)]),
      ...extension(0x23852875, bitmapsData()),
      ...extension(0x0537be77, [...word(0), ...word(0x60000), ...word(0), ...word(4096)]),
      ...extension(0x44415441, text("data.raw")),
      ...extension(0x12345678, [1, 2, 3]),
    ];
    const { extensions, end } = decodeHeaderExtensions(imageWith(bytes, header), header);
    expect(extensions).toEqual([
      { type: "backing-format", format: "qcow2", bytes: text("qcow2") },
      { type: "feature-names", names: [{ kind: "compatible", bit: 0, name: "lazy" }] },
      { type: "bitmaps", count: 2, directorySize: 64n, directoryOffset: 0x50000n },
      { type: "crypto", offset: 0x60000n, length: 4096n },
      { type: "data-file", name: "data.raw", bytes: text("data.raw") },
      { type: "unknown", magic: 0x12345678, data: Uint8Array.of(1, 2, 3) },
    ]);
    expect(end).toBe(112 + bytes.length + 8);
  });

  it("starts at byte 72 in version 2", () => {
    const header = sampleHeaderV2();
    expect(decoded(extension(0xe2792aca, text("raw")), header)).toMatchObject([{ format: "raw" }]);
  });

  it("starts at an unaligned header_length", () => {
    const header = sampleHeader({ headerLength: 109 });
    expect(decoded(extension(0x11, [5]), header)).toMatchObject([{ magic: 0x11 }]);
  });

  it("stops at the end marker", () => {
    expect(decoded([...word(0), ...word(0), ...extension(0x11, [1])])).toEqual([]);
  });

  it("stops at the backing file's name, without a marker too", () => {
    const header = sampleHeader({ backingFileOffset: 128n, backingFileSize: 8 });
    const { extensions, end } = decodeHeaderExtensions(
      imageWith(extension(0x11, new Uint8Array(8)), header),
      header,
    );
    expect(extensions).toHaveLength(1);
    expect(end).toBe(128);
  });

  it("finds no extensions where the name lies inside the header", () => {
    const header = sampleHeader({ backingFileOffset: 8n, backingFileSize: 8 });
    expect(decodeHeaderExtensions(imageWith(extension(0x11, [1]), header), header).extensions).toEqual([]);
  });

  it("stops where fewer than 8 bytes of the area are left", () => {
    const header = sampleHeader({ backingFileOffset: 119n, backingFileSize: 8 });
    expect(decodeHeaderExtensions(imageWith([1, 2, 3, 4, 5, 6, 7], header), header).extensions).toEqual([]);
  });

  it("keeps duplicates in order, and findExtension takes the last", () => {
    const extensions = decoded([
      ...extension(0xe2792aca, text("raw")),
      ...extension(0xe2792aca, text("qcow2")),
    ]);
    expect(extensions).toHaveLength(2);
    expect(findExtension(extensions, "backing-format")?.format).toBe("qcow2");
    expect(findExtension(extensions, "data-file")).toBeUndefined();
  });

  it("ends names at a NUL and keeps their bytes", () => {
    expect(decoded(extension(0x44415441, text("a\0b")))).toEqual([
      { type: "data-file", name: "a", bytes: text("a\0b") },
    ]);
  });

  it("reads up to 262144 empty extensions in a cluster of 2 MiB", () => {
    const header = sampleHeader({ clusterBits: 21 });
    const bytes = new Uint8Array(2 ** 21);
    for (let at = 112; at < bytes.length; at += 8) bytes[at + 3] = 1;
    expect(decodeHeaderExtensions(bytes, header).extensions).toHaveLength((2 ** 21 - 112) / 8);
  });

  it.each([
    ["after an extension", extension(0x11, [1]), 1],
    ["in the middle of an end marker", [0, 0, 0], 0],
    ["right after the header", [], 0],
  ])("takes the end of the file %s for the end marker", (_title, tail, count) => {
    const bytes = imageWith(tail).slice(0, 112 + tail.length);
    expect(decodeHeaderExtensions(bytes, sampleHeader(), true).extensions).toHaveLength(count);
    const expected = { code: "QCOW2_TRUNCATED", structure: AREA } as const;
    const place =
      tail.length === 3 ? { field: "type", offset: 112 } : { field: "type", offset: 112 + tail.length };
    expectFormatError(() => decodeHeaderExtensions(bytes, sampleHeader()), { ...expected, ...place });
  });

  it("refuses a file that ends inside an extension", () => {
    const bytes = imageWith(extension(0x11, [1, 2, 3])).slice(0, 122);
    const expected = { code: "QCOW2_TRUNCATED", structure: AREA, field: "data", offset: 120 } as const;
    expectFormatError(() => decodeHeaderExtensions(bytes, sampleHeader(), true), expected);
  });

  it("accepts an extension that ends with its area, and refuses one byte more", () => {
    const header = sampleHeader({ backingFileOffset: 125n, backingFileSize: 8 });
    const image = imageWith(extension(0x11, [1, 2, 3, 4, 5]), header);
    expect(decodeHeaderExtensions(image, header).end).toBe(125);
    image[119] = 6;
    const expected = { code: "QCOW2_LIMIT_EXCEEDED", structure: AREA, field: "length", offset: 116 } as const;
    expectFormatError(() => decodeHeaderExtensions(image, header), expected);
  });

  it("refuses a length of 4 GiB before it allocates", () => {
    const expected = { code: "QCOW2_LIMIT_EXCEEDED", structure: AREA, field: "length", offset: 116 } as const;
    expectFormatError(() => decoded([...word(0x11), ...word(0xffffffff)]), expected);
  });

  it("refuses a backing format of 16 bytes", () => {
    const structure = "backing format extension";
    const expected = { code: "QCOW2_LIMIT_EXCEEDED", structure, field: "length", offset: 0 } as const;
    expectFormatError(() => decoded(extension(0xe2792aca, text("x".repeat(16)))), expected);
    expect(decoded(extension(0xe2792aca, text("x".repeat(15))))).toHaveLength(1);
  });

  it.each([
    ["a length other than 24", bitmapsData().slice(0, 20), "QCOW2_INVALID_FIELD", "length", 0],
    ["a reserved field", bitmapsData({ reserved: 1 }), "QCOW2_INVALID_FIELD", "reserved", 4],
    ["no bitmaps", bitmapsData({ count: 0 }), "QCOW2_INVALID_FIELD", "nb_bitmaps", 0],
    ["65536 bitmaps", bitmapsData({ count: 65536 }), "QCOW2_LIMIT_EXCEEDED", "nb_bitmaps", 0],
    ["an empty directory", bitmapsData({ size: 0 }), "QCOW2_INVALID_FIELD", "bitmap_directory_size", 8],
    [
      "a large directory",
      bitmapsData({ size: 67107841 }),
      "QCOW2_LIMIT_EXCEEDED",
      "bitmap_directory_size",
      8,
    ],
    [
      "an unaligned directory",
      bitmapsData({ offset: 512 }),
      "QCOW2_INVALID_FIELD",
      "bitmap_directory_offset",
      16,
    ],
  ] as const)("refuses bitmaps with %s, unless they are stale", (_title, data, code, field, offset) => {
    const bytes = extension(0x23852875, data);
    expectFormatError(() => decoded(bytes, WITH_BITMAPS), {
      code,
      structure: "bitmaps extension",
      field,
      offset,
    });
    expect(decoded(bytes)).toEqual([{ type: "unknown", magic: 0x23852875, data: Uint8Array.from(data) }]);
  });

  it("keeps stale bitmaps that make sense", () => {
    expect(decoded(extension(0x23852875, bitmapsData()))).toMatchObject([{ type: "bitmaps", count: 2 }]);
  });

  it.each([
    ["a length other than 16", new Uint8Array(8), "length"],
    ["an unaligned offset", [...word(0), ...word(512), ...word(0), ...word(4096)], "offset"],
  ])("refuses an encryption pointer with %s", (_title, data, field) => {
    const structure = "encryption header extension";
    const expected = { code: "QCOW2_INVALID_FIELD", structure, field, offset: 0 } as const;
    expectFormatError(() => decoded(extension(0x0537be77, data)), expected);
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    const headers = fc.constantFrom(sampleHeader({ clusterBits: 9 }), WITH_BITMAPS, sampleHeaderV2());
    const magics = fc.constantFrom(0xe2792aca, 0x6803f857, 0x23852875, 0x0537be77, 0x44415441, 0x11, 0);
    const part = fc.oneof(
      fc.tuple(magics, fc.uint8Array({ maxLength: 60 })).map(([magic, data]) => extension(magic, data)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => [...bytes]),
    );
    fc.assert(
      fc.property(headers, fc.array(part, { maxLength: 5 }), fc.boolean(), (header, parts, atEndOfFile) => {
        const bytes = new Uint8Array([...new Uint8Array(header.headerLength), ...parts.flat()]);
        throwsOnlyFormatErrors(() => decodeHeaderExtensions(bytes, header, atEndOfFile));
        findFeatureNames(bytes, header);
      }),
    );
  });
});

describe("findFeatureNames", () => {
  it("gives the names, and none where the extensions cannot be read", () => {
    const table = extension(0x6803f857, [0, 40, ...text("holes"), ...new Uint8Array(41)]);
    const header = sampleHeader();
    expect(findFeatureNames(imageWith(table), header)).toEqual([
      { kind: "incompatible", bit: 40, name: "holes" },
    ]);
    expect(findFeatureNames(imageWith([...table, ...word(1), ...word(0xffffffff)]), header)).toEqual([]);
    expect(findFeatureNames(imageWith([]), header)).toEqual([]);
  });
});

describe("encodeHeaderExtensions", () => {
  it("pads each extension to 8 bytes and ends with a marker", () => {
    const bytes = [
      ...extension(0xe2792aca, text("raw")),
      ...extension(0x11, [1, 2, 3, 4, 5, 6, 7, 8]),
      ...new Uint8Array(8),
    ];
    const extensions = [
      backingFormatExtension("raw"),
      { type: "unknown", magic: 0x11, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
    ] as const;
    expect([...encodeHeaderExtensions(extensions)]).toEqual(bytes);
    expect([...encodeHeaderExtensions([])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("gives back what was decoded", () => {
    const anyText = fc
      .string({ maxLength: 15 })
      .filter((value) => !value.includes("\0") && text(value).length <= 15);
    const anyExtension: fc.Arbitrary<HeaderExtension> = fc.oneof(
      anyText.map(backingFormatExtension),
      anyText.map(dataFileExtension),
      fc.record({
        type: fc.constant("bitmaps" as const),
        count: fc.integer({ min: 1, max: 65535 }),
        directorySize: fc.bigInt({ min: 1n, max: 67107840n }),
        directoryOffset: fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }).map((cluster) => cluster << 16n),
      }),
      fc.record({
        type: fc.constant("crypto" as const),
        offset: fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }).map((cluster) => cluster << 16n),
        length: u64(),
      }),
      fc.record({
        type: fc.constant("unknown" as const),
        magic: fc.integer({ min: 1, max: 0xffff }),
        data: fc.uint8Array({ maxLength: 40 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(anyExtension), (extensions) => {
        expect(decoded(encodeHeaderExtensions(extensions), WITH_BITMAPS)).toEqual(extensions);
      }),
    );
  });

  it("refuses an unknown extension of type 0, which would be the end marker", () => {
    const extensions = [{ type: "unknown", magic: 0, data: new Uint8Array(0) }] as const;
    const expected = { code: "QCOW2_INVALID_FIELD", structure: AREA, field: "type" } as const;
    expectFormatError(() => encodeHeaderExtensions(extensions), expected);
  });

  it("refuses a backing format of more than 15 bytes", () => {
    const structure = "backing format extension";
    const expected = { code: "QCOW2_LIMIT_EXCEEDED", structure, field: "length", offset: 0 } as const;
    expectFormatError(() => backingFormatExtension("x".repeat(16)), expected);
  });
});
