import { expect, test } from "vitest";
import { longBuffer } from "../src/long-buffer.js";

test("a long buffer has its length, is zero, and is aligned for every typed array", () => {
  for (const length of [0, 1, 4096, 2 ** 21]) {
    const bytes = longBuffer(length);
    expect(bytes.byteLength).toBe(length);
    expect(bytes.byteOffset % 8).toBe(0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  }
});

test("it does not begin where blocks of memory do: a multiple of 64 bytes after what an allocator puts before them", () => {
  expect((longBuffer(2 ** 21).byteOffset + 16) % 64).toBe(0);
});
