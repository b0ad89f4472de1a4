import { describe, expect, it } from "vitest";
import { parseCount, parseSize } from "../src/parse-size.js";

describe("parseSize", () => {
  it.each([
    ["0", 0],
    ["512", 512],
    ["0x200", 512],
    ["1K", 1024],
    ["1k", 1024],
    ["1KiB", 1024],
    ["3M", 3 * 1024 ** 2],
    ["2GiB", 2 * 1024 ** 3],
    ["1T", 1024 ** 4],
    ["7PiB", 7 * 1024 ** 5],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["512B", 512],
    ["1.5G", 1536 * 1024 ** 2],
    ["0.1K", 102],
    ["1_000", 1000],
    ["1_024KiB", 1024 ** 2],
    ["0o17", 15],
    ["0b1_0000KiB", 16384],
    ["0u7", 7],
    ["0x1_0KiB", 16384],
  ])("reads %s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    "",
    "-1",
    "1.5",
    "1.5B",
    ".5G",
    "0x1.8K",
    "_1",
    "0b2",
    "1KB",
    "K",
    "1 K",
    "1e3",
    "9007199254740992",
    "8P1",
    "8E",
  ])("refuses %j as a usage error", (text) => {
    expect(() => parseSize(text)).toThrowError(expect.objectContaining({ code: "CLI_USAGE" }));
  });
});

describe("parseCount", () => {
  it.each([
    ["0", 0],
    ["0x10", 16],
    ["1_000", 1000],
    ["010", 10],
  ])("reads %s", (text, count) => {
    expect(parseCount(text)).toBe(count);
  });

  it.each(["", "-1", "1K", "1.5", "x", "9007199254740992"])("refuses %j as a usage error", (text) => {
    expect(() => parseCount(text)).toThrowError(expect.objectContaining({ code: "CLI_USAGE" }));
  });
});
