import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findZstdFrame } from "../src/zstd-frame.js";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** A raw block of `size` bytes; the last one if `last`. */
function block(size: number, last: boolean, type = 0, stored = size): number[] {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [
    header & 0xff,
    (header >> 8) & 0xff,
    (header >> 16) & 0xff,
    ...new Array<number>(stored).fill(0x61),
  ];
}

const find = (bytes: number[], length: number) => findZstdFrame(Uint8Array.from(bytes), length);
const bad = expect.objectContaining({ code: "BACKEND_BAD_STREAM" });

describe("findZstdFrame", () => {
  it("ends the frame after its last block, whatever follows", () => {
    const frame = [...MAGIC, 0, 0, ...block(3, false), ...block(700, false, 1, 1), ...block(5, true, 2)];
    expect([...find([...frame, 1, 2, 3], 4096)]).toEqual(frame);
    expect([...find(frame, 4096)]).toEqual(frame);
  });

  it("counts the checksum in", () => {
    const frame = [...MAGIC, 0x04, 0, ...block(3, true), 9, 9, 9, 9];
    expect([...find([...frame, 1], 3)]).toEqual(frame);
    expect(() => find(frame.slice(0, -1), 3)).toThrow(bad);
  });

  it.each([
    ["one byte, without a window", [0x20, 200], 200],
    ["two bytes, from 256 on", [0x40, 0, 0x34, 0x12], 0x1234 + 256],
    ["four bytes", [0x80, 0, 0, 0, 0x20, 0], 0x200000],
    ["four bytes, without a window", [0xa0, 0, 0, 0x20, 0], 0x200000],
    ["eight bytes", [0xc0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 0x10000],
  ])("reads a content size of %s, and takes only the one that is due", (_form, header, size) => {
    const frame = [...MAGIC, ...header, ...block(1, true)];
    expect([...find(frame, size)]).toEqual(frame);
    expect(() => find(frame, size + 1)).toThrow(bad);
    expect(() => find(frame, size - 1)).toThrow(bad);
  });

  it("takes a window up to 8 MiB, and beyond that only up to the output", () => {
    const frameWith = (window: number) => [...MAGIC, 0, window, ...block(1, true)];
    expect(() => find(frameWith(13 << 3), 512)).not.toThrow();
    expect(() => find(frameWith((13 << 3) | 1), 512)).toThrow(bad);
    expect(() => find(frameWith((13 << 3) | 1), 9 * 2 ** 20)).not.toThrow();
    expect(() => find(frameWith(0xff), 2 ** 21)).toThrow(bad);
  });

  it("needs no dictionary: an identifier of zero is none", () => {
    for (const [flag, size] of [
      [1, 1],
      [2, 2],
      [3, 4],
    ] as const) {
      const frameWith = (id: number) => [
        ...MAGIC,
        flag,
        0,
        id,
        ...new Array<number>(size - 1).fill(0),
        ...block(1, true),
      ];
      expect(() => find(frameWith(0), 1)).not.toThrow();
      expect(() => find(frameWith(5), 1)).toThrow(bad);
    }
  });

  it("skips skippable frames of any of their sixteen kinds", () => {
    const frame = [...MAGIC, 0, 0, ...block(3, true)];
    for (const kind of [0x50, 0x5a, 0x5f]) {
      const skippable = [kind, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7];
      expect([...find([...skippable, ...skippable, ...frame], 3)]).toEqual(frame);
      expect(() => find(skippable, 3)).toThrow(bad);
      expect(() => find([...skippable.slice(0, 4), 255, 255, 255, 255, ...frame], 3)).toThrow(bad);
    }
  });

  it("rejects a frame that is cut off anywhere", () => {
    const frame = [
      ...MAGIC,
      0xc4,
      0,
      6,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      ...block(3, false),
      ...block(3, true),
      1,
      2,
      3,
      4,
    ];
    expect([...find(frame, 6)]).toEqual(frame);
    for (let end = 0; end < frame.length; end += 1) expect(() => find(frame.slice(0, end), 6)).toThrow(bad);
  });

  it("rejects reserved bits and reserved blocks", () => {
    expect(() => find([...MAGIC, 0x08, 0, ...block(1, true)], 1)).toThrow(bad);
    expect(() => find([...MAGIC, 0, 0, ...block(1, true, 3)], 1)).toThrow(bad);
  });

  it("finds a frame inside any bytes, or rejects them, and does nothing else", async () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const withMagic = bytes.map((rest) => Uint8Array.from([...MAGIC, ...rest]));
    await fc.assert(
      fc.property(fc.oneof(bytes, withMagic), fc.nat(100_000), (source, length) => {
        try {
          const frame = findZstdFrame(source, length);
          expect(frame.buffer).toBe(source.buffer);
          expect([...frame.subarray(0, 4)]).toEqual(MAGIC);
        } catch (error) {
          expect(error).toEqual(bad);
        }
      }),
    );
  });
});
