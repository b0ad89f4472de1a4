import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFeatureNames, encodeFeatureNames, type FeatureName, KNOWN_FEATURES } from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";

const STRUCTURE = "feature name table";
const encodeText = (text: string): Uint8Array => new TextEncoder().encode(text);

const anyName = fc
  .string({ maxLength: 46, unit: "binary" })
  .filter((name) => !name.includes("\0") && encodeText(name).length <= 46);

const anyEntry: fc.Arbitrary<FeatureName> = fc.record({
  kind: fc.oneof(
    fc.constantFrom("incompatible" as const, "compatible" as const, "autoclear" as const),
    fc.integer({ min: 3, max: 255 }),
  ),
  bit: fc.nat({ max: 255 }),
  name: anyName,
});

describe("the feature name table", () => {
  it("has entries of 48 bytes: type, bit, name", () => {
    const bytes = new Uint8Array(96);
    bytes.set([1, 0, ...encodeText("lazy refcounts")]);
    bytes.set([9, 63, ...encodeText("x".repeat(46))], 48);
    const names: FeatureName[] = [
      { kind: "compatible", bit: 0, name: "lazy refcounts" },
      { kind: 9, bit: 63, name: "x".repeat(46) },
    ];
    expect(decodeFeatureNames(bytes)).toEqual(names);
    expect(encodeFeatureNames(names)).toEqual(bytes);
  });

  it("ignores bytes after the last whole entry", () => {
    expect(decodeFeatureNames(new Uint8Array(47))).toEqual([]);
    expect(decodeFeatureNames(new Uint8Array(95))).toHaveLength(1);
  });

  it("can be written for all known features", () => {
    expect(decodeFeatureNames(encodeFeatureNames(KNOWN_FEATURES))).toEqual(KNOWN_FEATURES);
  });

  it("gives back what was decoded", () => {
    fc.assert(
      fc.property(fc.array(anyEntry), (names) => {
        expect(decodeFeatureNames(encodeFeatureNames(names))).toEqual(names);
      }),
    );
  });

  it("never throws when it decodes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeFeatureNames(bytes)));
  });

  it("refuses a name that does not fit", () => {
    const names = [{ kind: "autoclear", bit: 1, name: "é".repeat(24) }] as const;
    const expected = { code: "QCOW2_INVALID_FIELD", structure: STRUCTURE, field: "name", offset: 2 } as const;
    expectFormatError(() => encodeFeatureNames(names), expected);
  });

  it("refuses a bit that is no byte", () => {
    const names = [{ kind: "autoclear", bit: 256, name: "" }] as const;
    const expected = { code: "QCOW2_INVALID_FIELD", structure: STRUCTURE, field: "bit", offset: 1 } as const;
    expectFormatError(() => encodeFeatureNames(names), expected);
  });
});
