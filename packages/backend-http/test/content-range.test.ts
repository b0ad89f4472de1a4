import { describe, expect, it } from "vitest";
import { parseContentRange } from "../src/content-range.js";

describe("Content-Range", () => {
  it("has a range, whose end is exclusive here, and the size of the file", () => {
    expect(parseContentRange("bytes 0-99/1000")).toEqual({ start: 0, end: 100, total: 1000 });
    expect(parseContentRange(" Bytes  5-5/6 ")).toEqual({ start: 5, end: 6, total: 6 });
  });

  it("may not know the size, or have no range", () => {
    expect(parseContentRange("bytes 0-99/*")).toEqual({ start: 0, end: 100, total: undefined });
    expect(parseContentRange("bytes */1000")).toEqual({ start: undefined, end: undefined, total: 1000 });
  });

  it.each([
    ...["", "bytes", "0-99/1000", "items 0-99/1000", "bytes 0-99", "bytes 99-0/1000", "bytes 0-1000/1000"],
    ...["bytes -5-9/10", "bytes 0-9/1e9", "bytes 0-9/10, bytes 20-29/30", "bytes 0-9/99999999999999999"],
    "bytes 0-9007199254740991/9007199254740992",
  ])("is none: %s", (value) => {
    expect(parseContentRange(value)).toBeUndefined();
  });
});
