import { describe, expect, it } from "vitest";
import { parseSize } from "../src/parse-size.js";

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
  ])("reads %s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "-1", "1.5G", "1KB", "K", "1 K", "1e3", "9007199254740992", "8P1", "8E"])(
    "refuses %j as a usage error",
    (text) => {
      expect(() => parseSize(text)).toThrowError(expect.objectContaining({ code: "CLI_USAGE" }));
    },
  );
});
