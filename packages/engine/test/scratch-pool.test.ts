import { expect, test } from "vitest";
import { SPAN_BYTES_MAX } from "../src/read/plan-read.js";
import { ScratchPool } from "../src/read/scratch-pool.js";

test("a short read takes a small buffer, and the same one again", () => {
  const pool = new ScratchPool();
  const buffer = pool.take(512);
  expect(buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  pool.give(buffer);
  expect(pool.take(1000)).toBe(buffer);
});

test("a buffer is long enough whatever was given back before", () => {
  const pool = new ScratchPool();
  for (const length of [1, 70_000, 512, SPAN_BYTES_MAX, 3, SPAN_BYTES_MAX + 1, 200_000]) {
    const buffer = pool.take(length);
    expect(buffer.byteLength).toBeGreaterThanOrEqual(length);
    pool.give(buffer);
  }
});

test("of many buffers the large ones are kept", () => {
  const pool = new ScratchPool();
  const small = Array.from({ length: 8 }, () => pool.take(1));
  const large = Array.from({ length: 8 }, () => pool.take(SPAN_BYTES_MAX));
  for (const buffer of [...small, ...large]) pool.give(buffer);
  const again = Array.from({ length: 8 }, () => pool.take(SPAN_BYTES_MAX));
  expect(new Set(again)).toEqual(new Set(large));
});
