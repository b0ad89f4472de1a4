import { checkRange } from "@qcow/block";
import { describe, expect, it } from "vitest";

const max = Number.MAX_SAFE_INTEGER;

describe("checkRange", () => {
  it.each([
    [0, 0],
    [1, 4096],
    [max, 0],
    [max - 1, 1],
    [0, max],
  ])("accepts %d and %d", (offset, length) => {
    expect(() => checkRange(offset, length, "disk")).not.toThrow();
  });

  it.each([
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [1, 0.5],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [max, 1],
    [max, 2],
    [max, max],
    [max + 1, 0],
  ])("rejects %d and %d, naming both", (offset, length) => {
    expect(() => checkRange(offset, length, "disk")).toThrow(
      expect.objectContaining({ code: "BACKEND_BAD_RANGE", label: "disk", offset, length }),
    );
  });
});
