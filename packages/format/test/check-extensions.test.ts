import { describe, expect, it } from "vitest";
import { checkExtensions, dataFileExtension, type HeaderExtension } from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { sampleHeader } from "./sample-header.js";

const CRYPTO = { type: "crypto", offset: 0x50000n, length: 0x20000n } as const;
const BITMAPS = { type: "bitmaps", count: 1, directorySize: 32n, directoryOffset: 0x50000n } as const;
const CRYPTO_STRUCTURE = "encryption header extension";
const DATA_FILE_STRUCTURE = "data file extension";

describe("checkExtensions", () => {
  it.each([
    ["nothing on a plain image", {}, []],
    ["an encryption pointer with crypt_method 2", { cryptMethod: 2 }, [CRYPTO]],
    ["a data file's name with its bit", { incompatibleFeatures: 4n }, [dataFileExtension("d.raw")]],
    ["a data file's name without the bit", {}, [dataFileExtension("")]],
    ["bitmaps", { autoclearFeatures: 1n }, [BITMAPS]],
    ["the bitmaps bit without extension", { autoclearFeatures: 1n }, []],
    ["stale bitmaps that make no sense", {}, [{ ...BITMAPS, count: 0 }]],
    ["legacy AES", { cryptMethod: 1 }, []],
  ] as const)("accepts %s", (_title, changes, extensions: readonly HeaderExtension[]) => {
    expect(() => checkExtensions(sampleHeader(changes), extensions)).not.toThrow();
  });

  it.each([
    ["crypt_method 2 without pointer", { cryptMethod: 2 }, [], CRYPTO_STRUCTURE, "type"],
    ["a pointer on a plain image", {}, [CRYPTO], CRYPTO_STRUCTURE, "type"],
    ["a pointer on a legacy AES image", { cryptMethod: 1 }, [CRYPTO], CRYPTO_STRUCTURE, "type"],
    [
      "a LUKS header without room",
      { cryptMethod: 2 },
      [{ ...CRYPTO, length: 591n }],
      CRYPTO_STRUCTURE,
      "length",
    ],
    ["a data file without name", { incompatibleFeatures: 4n }, [], DATA_FILE_STRUCTURE, "type"],
    ["an empty name", { incompatibleFeatures: 4n }, [dataFileExtension("")], DATA_FILE_STRUCTURE, "name"],
  ] as const)("refuses %s", (_title, changes, extensions: readonly HeaderExtension[], structure, field) => {
    const expected = { code: "QCOW2_INVALID_FIELD", structure, field } as const;
    expectFormatError(() => checkExtensions(sampleHeader(changes), extensions), expected);
  });

  it("refuses bitmaps that make no sense while they count", () => {
    const header = sampleHeader({ autoclearFeatures: 1n });
    const expected = {
      code: "QCOW2_INVALID_FIELD",
      structure: "bitmaps extension",
      field: "nb_bitmaps",
      offset: 0,
    } as const;
    expectFormatError(() => checkExtensions(header, [{ ...BITMAPS, count: 0 }]), expected);
  });
});
