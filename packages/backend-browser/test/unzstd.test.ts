import { describe, expect, it } from "vitest";
import { unzstd } from "../src/unzstd.js";

/** A frame of one segment that declares `size` bytes, with `blocks` in it. */
function frame(size: number, ...blocks: number[][]): Uint8Array {
  const content = [size & 0xff, (size >> 8) & 0xff, (size >> 16) & 0xff, 0];
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...content, ...blocks.flat()]);
}

function block(type: number, size: number, last: boolean, body: number[]): number[] {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [header & 0xff, (header >> 8) & 0xff, (header >> 16) & 0xff, ...body];
}

const bad = expect.objectContaining({ code: "BACKEND_BAD_STREAM" });

describe("unzstd", () => {
  it("decodes raw and repeated bytes", () => {
    const target = new Uint8Array(8);
    unzstd(frame(8, block(0, 3, false, [1, 2, 3]), block(1, 5, true, [9])), target);
    expect([...target]).toEqual([1, 2, 3, 9, 9, 9, 9, 9]);
  });

  it("rejects blocks that yield less or more than the target, whatever the frame declares", () => {
    expect(() => unzstd(frame(8, block(1, 7, true, [9])), new Uint8Array(8))).toThrow(bad);
    expect(() => unzstd(frame(8, block(1, 9, true, [9])), new Uint8Array(8))).toThrow(bad);
    const many = Array.from({ length: 3 }, (_, at) => block(1, 8, at === 2, [9]));
    expect(() => unzstd(frame(8, ...many), new Uint8Array(8))).toThrow(bad);
  });
});
