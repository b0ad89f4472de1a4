import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeader, encodeHeader } from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";
import { arbitraryHeader, sampleHeader, sampleHeaderV2 } from "./sample-header.js";

function bytesOf(hex: string): Uint8Array {
  const digits = hex.replace(/\s/g, "").match(/../g) ?? [];
  return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}

// Written down field by field from the specification.
const V3 = bytesOf(`
  514649fb 00000003 0000000000000000 00000000 00000010 0000000040000000 00000000
  00000002 0000000000030000 0000000000010000 00000001 00000000 0000000000000000
  0000000000000000 0000000000000000 0000000000000000 00000004 00000070 0000000000000000`);

function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

describe("decodeHeader", () => {
  it("reads every field of a version 3 header", () => {
    expect(decodeHeader(V3)).toEqual(sampleHeader());
  });

  it("gives a version 2 header the fields it does not have", () => {
    const bytes = changed(V3.subarray(0, 72), 7, 2);
    expect(decodeHeader(bytes)).toEqual(sampleHeaderV2());
  });

  it("puts each field where the specification does", () => {
    const bytes = Uint8Array.from({ length: 120 }, (_, index) => index);
    bytes.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
    bytes.set([0, 0, 0, 16], 20);
    bytes.set([0, 0, 0, 120], 100);
    expect(decodeHeader(bytes)).toEqual({
      version: 3,
      backingFileOffset: 0x08090a0b0c0d0e0fn,
      backingFileSize: 0x10111213,
      clusterBits: 16,
      size: 0x18191a1b1c1d1e1fn,
      cryptMethod: 0x20212223,
      l1Size: 0x24252627,
      l1TableOffset: 0x28292a2b2c2d2e2fn,
      refcountTableOffset: 0x3031323334353637n,
      refcountTableClusters: 0x38393a3b,
      nbSnapshots: 0x3c3d3e3f,
      snapshotsOffset: 0x4041424344454647n,
      incompatibleFeatures: 0x48494a4b4c4d4e4fn,
      compatibleFeatures: 0x5051525354555657n,
      autoclearFeatures: 0x58595a5b5c5d5e5fn,
      refcountOrder: 0x60616263,
      headerLength: 120,
      compressionType: 0x68,
      unknownFields: bytes.slice(112, 120),
    });
  });

  it("takes the compression type for deflate where the header ends before it", () => {
    const bytes = changed(changed(V3, 103, 104), 104, 1);
    expect(decodeHeader(bytes).compressionType).toBe(0);
    expect(decodeHeader(changed(bytes, 103, 105)).compressionType).toBe(1);
  });

  it("needs no more bytes than the header has", () => {
    expect(decodeHeader(changed(V3, 103, 104).subarray(0, 104)).headerLength).toBe(104);
  });

  it("reads a header that is a view into a larger buffer", () => {
    const larger = new Uint8Array(300);
    larger.set(V3, 77);
    expect(decodeHeader(larger.subarray(77))).toEqual(sampleHeader());
  });

  it.each([
    ["another magic", changed(V3, 3, 0xfc), "QCOW2_BAD_MAGIC", "magic", 0],
    ["version 1", changed(V3, 7, 1), "QCOW2_UNSUPPORTED_VERSION", "version", 4],
    ["version 4", changed(V3, 7, 4), "QCOW2_UNSUPPORTED_VERSION", "version", 4],
    ["cluster_bits 8", changed(V3, 23, 8), "QCOW2_INVALID_FIELD", "cluster_bits", 20],
    ["cluster_bits 22", changed(V3, 23, 22), "QCOW2_INVALID_FIELD", "cluster_bits", 20],
    ["header_length 103", changed(V3, 103, 103), "QCOW2_INVALID_FIELD", "header_length", 100],
    [
      "header_length past the cluster",
      changed(V3, 100, 0, 1, 0, 1),
      "QCOW2_INVALID_FIELD",
      "header_length",
      100,
    ],
    ["no bytes", V3.subarray(0, 0), "QCOW2_TRUNCATED", "magic", 0],
    ["three bytes", V3.subarray(0, 3), "QCOW2_TRUNCATED", "magic", 0],
    ["seven bytes", V3.subarray(0, 7), "QCOW2_TRUNCATED", "version", 4],
    ["71 bytes", V3.subarray(0, 71), "QCOW2_TRUNCATED", "the fixed fields", 0],
    ["103 bytes", V3.subarray(0, 103), "QCOW2_TRUNCATED", "header_length", 100],
    ["111 bytes", V3.subarray(0, 111), "QCOW2_TRUNCATED", "the whole header", 0],
  ] as const)("refuses %s", (_title, bytes, code, field, offset) => {
    expectFormatError(() => decodeHeader(bytes), { code, structure: "header", field, offset });
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        throwsOnlyFormatErrors(() => decodeHeader(bytes)),
      ),
    );
  });

  it("throws nothing but FormatError for a header with bytes changed", () => {
    const change = fc.tuple(fc.nat({ max: V3.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = V3.slice();
        for (const [at, value] of changes) bytes[at] = value;
        throwsOnlyFormatErrors(() => decodeHeader(bytes));
      }),
    );
  });
});

describe("encodeHeader", () => {
  it("writes the bytes of the specification", () => {
    expect(encodeHeader(sampleHeader())).toEqual(V3);
    expect(encodeHeader(sampleHeaderV2())).toEqual(changed(V3.subarray(0, 72), 7, 2));
  });

  it("gives back what was decoded, for every header", () => {
    fc.assert(
      fc.property(arbitraryHeader, (header) => {
        expect(decodeHeader(encodeHeader(header))).toEqual(header);
      }),
    );
  });

  it.each([
    ["features in version 2", sampleHeaderV2({ compatibleFeatures: 1n }), "compatible_features", undefined],
    [
      "another refcount width in version 2",
      sampleHeaderV2({ refcountOrder: 3 }),
      "refcount_order",
      undefined,
    ],
    ["a header_length in version 2", sampleHeaderV2({ headerLength: 104 }), "header_length", undefined],
    [
      "a compression type without a field",
      sampleHeader({ headerLength: 104, compressionType: 1 }),
      "compression_type",
      undefined,
    ],
    [
      "unknown fields of another length",
      sampleHeader({ unknownFields: new Uint8Array(8) }),
      "unknown fields",
      undefined,
    ],
    ["a size below 0", sampleHeader({ size: -1n }), "size", 24],
    ["a size of 65 bits", sampleHeader({ size: 2n ** 64n }), "size", 24],
    ["an l1_size of 33 bits", sampleHeader({ l1Size: 2 ** 32 }), "l1_size", 36],
    ["an l1_size that is no integer", sampleHeader({ l1Size: 0.5 }), "l1_size", 36],
    ["cluster_bits 30", sampleHeader({ clusterBits: 30 }), "cluster_bits", 20],
    ["a giant header_length", sampleHeader({ headerLength: 2 ** 31 }), "header_length", 100],
  ] as const)("refuses %s", (_title, header, field, offset) => {
    const place = offset === undefined ? { field } : { field, offset };
    expectFormatError(() => encodeHeader(header), {
      code: "QCOW2_INVALID_FIELD",
      structure: "header",
      ...place,
    });
  });
});
