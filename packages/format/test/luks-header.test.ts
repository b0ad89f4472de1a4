import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeLuksHeader, type FormatErrorCode, luksAlgorithms, luksInfo } from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";

const STRUCTURE = "LUKS header";

interface Fields {
  readonly cipherName?: string;
  readonly cipherMode?: string;
  readonly hashSpec?: string;
  readonly keyBytes?: number;
  readonly words?: readonly (readonly [offset: number, value: number])[];
}

/** A LUKS header with two active slots and a 64-byte key: 512 sectors of key material a slot, from sector 8 on. */
function luksBytes(fields: Fields = {}): Uint8Array {
  const bytes = new Uint8Array(592);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: string): void => bytes.set(new TextEncoder().encode(value), offset);
  bytes.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]);
  put(8, fields.cipherName ?? "aes");
  put(40, fields.cipherMode ?? "xts-plain64");
  put(72, fields.hashSpec ?? "sha256");
  view.setUint32(104, 8 + 8 * 504);
  view.setUint32(108, fields.keyBytes ?? 64);
  view.setUint32(164, 8918);
  put(168, "660e7634-17a5-47af-8eb3-81da1426a7dc");
  for (let slot = 0; slot < 8; slot++) {
    const at = 208 + slot * 48;
    view.setUint32(at, slot < 2 ? 0x00ac71f3 : 0x0000dead);
    view.setUint32(at + 4, slot < 2 ? 70000 + slot : 0);
    view.setUint32(at + 40, 8 + slot * 504);
    view.setUint32(at + 44, 4000);
  }
  for (const [offset, value] of fields.words ?? []) view.setUint32(offset, value);
  return bytes;
}

const slotAt = (slot: number): number => 208 + slot * 48;

describe("decodeLuksHeader", () => {
  it("reads the fields that need no secret", () => {
    const header = decodeLuksHeader(luksBytes());
    expect(header).toMatchObject({
      version: 1,
      cipherName: "aes",
      cipherMode: "xts-plain64",
      hashSpec: "sha256",
      payloadOffsetSectors: 4040,
      keyBytes: 64,
      masterKeyIterations: 8918,
      uuid: "660e7634-17a5-47af-8eb3-81da1426a7dc",
    });
    expect(header.slots).toHaveLength(8);
    expect(header.slots[1]).toEqual({
      active: true,
      iterations: 70001,
      keyOffsetSectors: 512,
      stripes: 4000,
    });
    expect(header.slots[7]).toEqual({ active: false, iterations: 0, keyOffsetSectors: 3536, stripes: 4000 });
  });

  it.each<readonly [string, Fields, FormatErrorCode, string, number]>([
    ["another magic", { words: [[0, 0]] }, "QCOW2_BAD_MAGIC", "magic", 0],
    ["LUKS 2", { words: [[4, 0xbabe0002]] }, "QCOW2_UNSUPPORTED_VERSION", "version", 6],
    ["a cipher without NUL", { cipherName: "a".repeat(32) }, "QCOW2_INVALID_FIELD", "cipher-name", 8],
    ["a mode without NUL", { cipherMode: "a".repeat(32) }, "QCOW2_INVALID_FIELD", "cipher-mode", 40],
    ["a hash without NUL", { hashSpec: "a".repeat(32) }, "QCOW2_INVALID_FIELD", "hash-spec", 72],
    ["an unknown cipher", { cipherName: "rot13" }, "QCOW2_UNSUPPORTED_FEATURE", "cipher-name", 8],
    ["an unknown mode", { cipherMode: "gcm-plain64" }, "QCOW2_UNSUPPORTED_FEATURE", "cipher-mode", 40],
    ["a mode without IV generator", { cipherMode: "xts" }, "QCOW2_UNSUPPORTED_FEATURE", "cipher-mode", 40],
    ["an unknown hash", { hashSpec: "md\u001b4711" }, "QCOW2_UNSUPPORTED_FEATURE", "hash-spec", 72],
    [
      "an unknown hash for the IV",
      { cipherMode: "cbc-plain:x" },
      "QCOW2_UNSUPPORTED_FEATURE",
      "cipher-mode",
      40,
    ],
    ["essiv without hash", { cipherMode: "cbc-essiv" }, "QCOW2_INVALID_FIELD", "cipher-mode", 40],
    [
      "essiv with a hash of no key size",
      { cipherMode: "cbc-essiv:sha1" },
      "QCOW2_UNSUPPORTED_FEATURE",
      "cipher-mode",
      40,
    ],
    ["a key of no size for the cipher", { keyBytes: 40 }, "QCOW2_UNSUPPORTED_FEATURE", "key-bytes", 108],
    ["no key", { keyBytes: 0 }, "QCOW2_INVALID_FIELD", "key-bytes", 108],
    ["a key of 513 bytes", { keyBytes: 513 }, "QCOW2_LIMIT_EXCEEDED", "key-bytes", 108],
    ["a payload inside the header", { words: [[104, 7]] }, "QCOW2_INVALID_FIELD", "payload-offset", 104],
    [
      "a payload inside key material",
      { words: [[104, 4039]] },
      "QCOW2_INVALID_FIELD",
      "key slot 7 key-material-offset",
      slotAt(7) + 40,
    ],
    ["a master key without iterations", { words: [[164, 0]] }, "QCOW2_INVALID_FIELD", "mk-digest-iter", 164],
    [
      "a slot in no state",
      { words: [[slotAt(3), 1]] },
      "QCOW2_INVALID_FIELD",
      "key slot 3 active",
      slotAt(3),
    ],
    [
      "0 stripes",
      { words: [[slotAt(0) + 44, 0]] },
      "QCOW2_INVALID_FIELD",
      "key slot 0 stripes",
      slotAt(0) + 44,
    ],
    [
      "an active slot without iterations",
      { words: [[slotAt(1) + 4, 0]] },
      "QCOW2_INVALID_FIELD",
      "key slot 1 iterations",
      slotAt(1) + 4,
    ],
    [
      "key material in the header",
      { words: [[slotAt(0) + 40, 7]] },
      "QCOW2_INVALID_FIELD",
      "key slot 0 key-material-offset",
      slotAt(0) + 40,
    ],
    [
      "key material on another slot's",
      { words: [[slotAt(5) + 40, 1015]] },
      "QCOW2_INVALID_FIELD",
      "key slot 5 key-material-offset",
      slotAt(5) + 40,
    ],
  ])("refuses %s", (_title, fields, code, field, offset) => {
    expectFormatError(() => decodeLuksHeader(luksBytes(fields)), {
      code,
      structure: STRUCTURE,
      field,
      offset,
    });
  });

  it("refuses fewer than 592 bytes", () => {
    const expected = {
      code: "QCOW2_TRUNCATED",
      structure: STRUCTURE,
      field: "the whole header",
      offset: 0,
    } as const;
    expectFormatError(() => decodeLuksHeader(luksBytes().slice(0, 591)), expected);
  });

  it("accepts many iterations: they cost nothing until a key is tried", () => {
    expect(() => decodeLuksHeader(luksBytes({ words: [[slotAt(0) + 4, 0xffffffff]] }))).not.toThrow();
  });

  it("throws nothing but FormatError for a header with bytes changed", () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: 591 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = luksBytes();
        for (const [at, value] of list) bytes[at] = value;
        throwsOnlyFormatErrors(() => luksInfo(decodeLuksHeader(bytes)));
      }),
    );
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    const bytes = fc.uint8Array({ maxLength: 600 });
    fc.assert(fc.property(bytes, (input) => throwsOnlyFormatErrors(() => decodeLuksHeader(input))));
  });
});

describe("luksAlgorithms", () => {
  it.each([
    ["aes", "xts-plain64", 32, "aes-128", "xts", "plain64", undefined],
    ["aes", "xts-plain64", 48, "aes-192", "xts", "plain64", undefined],
    ["aes", "xts-plain64", 64, "aes-256", "xts", "plain64", undefined],
    ["aes", "cbc-essiv:sha256", 32, "aes-256", "cbc", "essiv", "sha256"],
    ["aes", "cbc-plain:sha1", 16, "aes-128", "cbc", "plain", undefined],
    ["serpent", "xts-plain64", 64, "serpent-256", "xts", "plain64", undefined],
    ["twofish", "ecb-plain", 24, "twofish-192", "ecb", "plain", undefined],
    ["cast5", "cbc-plain64", 16, "cast5-128", "cbc", "plain64", undefined],
    ["3des", "ctr-plain64", 24, "3des", "ctr", "plain64", undefined],
  ])(
    "reads %s %s with %i key bytes as %s",
    (cipherName, cipherMode, keyBytes, cipherAlg, mode, ivgenAlg, ivgenHashAlg) => {
      const names = { cipherName, cipherMode, keyBytes, hashSpec: "ripemd160" };
      expect(luksAlgorithms(names)).toEqual({
        cipherAlg,
        cipherMode: mode,
        ivgenAlg,
        ivgenHashAlg,
        hashAlg: "ripemd160",
      });
    },
  );
});

describe("luksInfo", () => {
  it("has the keys and units of qemu-img info", () => {
    const info = luksInfo(decodeLuksHeader(luksBytes()));
    const inactive = Array.from({ length: 6 }, (_, index) => ({
      active: false,
      "key-offset": (8 + (index + 2) * 504) * 512,
    }));
    expect(info).toEqual({
      format: "luks",
      "ivgen-alg": "plain64",
      "hash-alg": "sha256",
      "cipher-alg": "aes-256",
      "cipher-mode": "xts",
      uuid: "660e7634-17a5-47af-8eb3-81da1426a7dc",
      slots: [
        { active: true, iters: 70000, "key-offset": 4096, stripes: 4000 },
        { active: true, iters: 70001, "key-offset": 262144, stripes: 4000 },
        ...inactive,
      ],
      "payload-offset": 2068480,
      "master-key-iters": 8918,
    });
  });

  it("names the hash of essiv", () => {
    const header = decodeLuksHeader(luksBytes({ cipherMode: "cbc-essiv:sha256", keyBytes: 32 }));
    expect(luksInfo(header)).toMatchObject({ "ivgen-alg": "essiv", "ivgen-hash-alg": "sha256" });
  });
});
