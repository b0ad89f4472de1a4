import { decodeHeader, type Header, type HeaderExtension } from "@qcow/format";
import { describe, expect, it } from "vitest";
import { headerSexp } from "../../src/info/header-sexp.js";
import { flatSexp, layoutSexp } from "../../src/info/sexp.js";

/** The header that qcow-tool writes for a fresh image of 1 KiB. */
function freshHeader(): Header {
  const bytes = new Uint8Array(104);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x514649fb);
  view.setUint32(4, 3);
  view.setUint32(20, 16);
  view.setBigUint64(24, 1024n);
  view.setUint32(36, 1);
  view.setBigUint64(40, 131072n);
  view.setBigUint64(48, 65536n);
  view.setUint32(56, 1);
  view.setBigUint64(72, 1n);
  view.setBigUint64(80, 1n);
  view.setUint32(96, 4);
  view.setUint32(100, 104);
  return decodeHeader(bytes);
}

const FEATURE_NAMES: HeaderExtension = {
  type: "feature-names",
  names: [
    { kind: "incompatible", bit: 0, name: "dirty bit" },
    { kind: "incompatible", bit: 1, name: "corrupt bit" },
    { kind: "compatible", bit: 0, name: "lazy refcounts" },
  ],
};

describe("headerSexp", () => {
  it("prints a fresh image exactly as qcow-tool does", () => {
    const text = layoutSexp(headerSexp({ header: freshHeader(), extensions: [FEATURE_NAMES] }));
    expect(`${text}\n`).toBe(`((version Three) (backing_file_offset 0) (backing_file_size 0)
 (cluster_bits 16) (size 1024) (crypt_method None) (l1_size 1)
 (l1_table_offset ((bytes 131072) (is_mutable false) (is_compressed false)))
 (refcount_table_offset
  ((bytes 65536) (is_mutable false) (is_compressed false)))
 (refcount_table_clusters 1) (nb_snapshots 0) (snapshots_offset 0)
 (additional
  (((dirty true) (corrupt false) (lazy_refcounts true) (autoclear_features 0)
    (refcount_order 4))))
 (extensions
  ((Feature_name_table
    (((ty Incompatible) (bit 0) (feature Dirty))
     ((ty Incompatible) (bit 1) (feature Corrupt))
     ((ty Compatible) (bit 0) (feature Lazy_refcounts)))))))
`);
  });

  it("leaves the fields of version 3 out of a version 2 header", () => {
    const header: Header = { ...freshHeader(), version: 2 };
    const text = flatSexp(headerSexp({ header, extensions: [] }));
    expect(text).toMatch(/^\(\(version Two\) .* \(additional \(\)\) \(extensions \(\)\)\)$/);
  });

  it("lists extensions last one first, with unknown magics as signed numbers", () => {
    const extensions: HeaderExtension[] = [
      { type: "backing-format", format: "raw", bytes: new TextEncoder().encode("raw") },
      { type: "unknown", magic: 0xfffffffe, data: Uint8Array.of(0, 65, 255) },
      { type: "bitmaps", count: 2, directorySize: 64n, directoryOffset: 4096n },
      { type: "crypto", offset: 4096n, length: 512n },
    ];
    const text = flatSexp(headerSexp({ header: freshHeader(), extensions }));
    expect(text).toContain(
      "(extensions ((Full_disk_encryption ((offset 4096) (length 512))) " +
        "(Bitmaps ((nb_bitmaps 2) (bitmap_directory_size 64) (bitmap_directory_offset 4096))) " +
        '(Unknown (-2 "\\000A\\255")) (Backing_file raw)))',
    );
  });

  it("adds what qcow-tool did not know only where the image has it", () => {
    const header: Header = {
      ...freshHeader(),
      incompatibleFeatures: 0x1cn,
      compressionType: 1,
      cryptMethod: 2,
    };
    const text = flatSexp(headerSexp({ header, extensions: [] }));
    expect(text).toContain(
      "(refcount_order 4) (external_data_file true) (extended_l2 true) (compression_type Zstd)",
    );
    expect(text).toContain("(crypt_method Luks)");
  });
});
