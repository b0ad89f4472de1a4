import { describe, expect, it } from "vitest";
import { changedSize, parseSizeChange } from "../src/size-change.js";

describe("parseSizeChange", () => {
  it.each([
    ["10G", "to", 10 * 1024 ** 3],
    ["0", "to", 0],
    ["+2M", "by", 2 * 1024 ** 2],
    ["-512", "by", -512],
    [" +1KiB ", "by", 1024],
    ["-0x200", "by", -512],
  ])("reads %j", (text, kind, bytes) => {
    expect(parseSizeChange(text)).toEqual({ kind, bytes });
  });

  it.each(["", "+", "-", "++1", "+-1", "1-", "-1.5"])("refuses %j as a usage error", (text) => {
    expect(() => parseSizeChange(text)).toThrowError(expect.objectContaining({ code: "CLI_USAGE" }));
  });
});

describe("changedSize", () => {
  it("is the size itself, or what is there now with the change", () => {
    expect(changedSize(1000, { kind: "to", bytes: 10 })).toBe(10);
    expect(changedSize(1000, { kind: "by", bytes: 24 })).toBe(1024);
    expect(changedSize(1000, { kind: "by", bytes: -1000 })).toBe(0);
  });

  it("says so when that would be less than nothing, or too much", () => {
    expect(() => changedSize(1000, { kind: "by", bytes: -1001 })).toThrowError(/1000 bytes.*1001/);
    expect(() => changedSize(1000, { kind: "by", bytes: Number.MAX_SAFE_INTEGER })).toThrowError(
      expect.objectContaining({ code: "CLI_USAGE" }),
    );
  });
});
