import { describe, expect, it } from "vitest";
import { FormatError, isFormatError, toSafeNumber } from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";

describe("FormatError", () => {
  it("says what and where, and keeps its cause", () => {
    const cause = new Error("below");
    const error = new FormatError("QCOW2_TRUNCATED", "it ends", {
      structure: "header",
      field: "size",
      offset: 24,
      cause,
    });
    expect(error).toMatchObject({
      name: "FormatError",
      message: "header: it ends",
      field: "size",
      offset: 24,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect("cause" in new FormatError("QCOW2_TRUNCATED", "it ends", { structure: "header" })).toBe(false);
  });
});

describe("isFormatError", () => {
  const error = new FormatError("QCOW2_TRUNCATED", "it ends", { structure: "header" });

  it("goes by the codes that are given", () => {
    expect(isFormatError(error)).toBe(true);
    expect(isFormatError(error, "QCOW2_BAD_MAGIC", "QCOW2_TRUNCATED")).toBe(true);
    expect(isFormatError(error, "QCOW2_BAD_MAGIC")).toBe(false);
  });

  it("accepts an error of another copy of the package", () => {
    const foreign = Object.assign(new Error("header: it ends"), {
      name: "FormatError",
      code: "QCOW2_TRUNCATED",
    });
    expect(isFormatError(foreign, "QCOW2_TRUNCATED")).toBe(true);
  });

  it("rejects anything else", () => {
    for (const other of [undefined, null, "FormatError", new Error("x"), { ...error, name: "FormatError" }]) {
      expect(isFormatError(other)).toBe(false);
    }
  });
});

describe("toSafeNumber", () => {
  const where = { structure: "header", field: "size", offset: 24 };

  it("passes what a number holds exactly", () => {
    expect(toSafeNumber(0n, where)).toBe(0);
    expect(toSafeNumber(2n ** 53n - 1n, where)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([2n ** 53n, 2n ** 64n - 1n, -1n])("refuses %i", (value) => {
    expectFormatError(() => toSafeNumber(value, where), { code: "QCOW2_OFFSET_TOO_LARGE", ...where });
  });
});
