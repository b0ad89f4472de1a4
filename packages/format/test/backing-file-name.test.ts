import { describe, expect, it } from "vitest";
import { decodeBackingFileName } from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { sampleHeader } from "./sample-header.js";

function imageWithName(name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(200 + name.length);
  bytes.set(name, 200);
  return bytes;
}

describe("decodeBackingFileName", () => {
  it("reads the name", () => {
    const stored = new TextEncoder().encode("bäse.qcow2");
    const header = sampleHeader({ backingFileOffset: 200n, backingFileSize: stored.length });
    expect(decodeBackingFileName(imageWithName(stored), header)).toEqual({
      name: "bäse.qcow2",
      bytes: stored,
    });
  });

  it("ends the text at a NUL, replaces what is not UTF-8, and keeps all bytes", () => {
    const stored = Uint8Array.of(0x61, 0xff, 0x00, 0x62);
    const header = sampleHeader({ backingFileOffset: 200n, backingFileSize: 4 });
    expect(decodeBackingFileName(imageWithName(stored), header)).toEqual({ name: "a\ufffd", bytes: stored });
  });

  it("gives nothing without offset or without length", () => {
    expect(decodeBackingFileName(new Uint8Array(0), sampleHeader({ backingFileSize: 9 }))).toBeUndefined();
    expect(
      decodeBackingFileName(new Uint8Array(0), sampleHeader({ backingFileOffset: 200n })),
    ).toBeUndefined();
  });

  it("refuses bytes that end inside the name", () => {
    const header = sampleHeader({ backingFileOffset: 200n, backingFileSize: 9 });
    const expected = {
      code: "QCOW2_TRUNCATED",
      structure: "header",
      field: "backing file name",
      offset: 200,
    } as const;
    expectFormatError(() => decodeBackingFileName(new Uint8Array(208), header), expected);
  });

  it("checks offset and length itself", () => {
    const header = sampleHeader({ backingFileOffset: 2n ** 60n, backingFileSize: 9 });
    const expected = {
      code: "QCOW2_INVALID_FIELD",
      structure: "header",
      field: "backing_file_offset",
      offset: 8,
    } as const;
    expectFormatError(() => decodeBackingFileName(new Uint8Array(208), header), expected);
  });
});
