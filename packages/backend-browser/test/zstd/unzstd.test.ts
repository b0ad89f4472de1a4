import { spawnSync } from "node:child_process";
import { nodeCompression } from "@qcow/backend-node";
import { findZstdFrame } from "@qcow/block";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unzstd } from "../../src/zstd/unzstd.js";
import { block, frame, sequenceBlock } from "./hand-made-frames.js";

const node = nodeCompression();
const bad = expect.objectContaining({ code: "BACKEND_BAD_STREAM" });

/** Numbers below `limit` that look random, and are the same each time. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % limit;
  };
}

/** Bytes with matches of all lengths and distances, and literals of uneven shares between them. */
function matches(length: number): Uint8Array {
  const next = numbers(length);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const isMatch = at > 100 && next(3) > 0;
    const offset = isMatch ? 1 + next(Math.min(at, 60_000)) : 0;
    const end = Math.min(length, at + (isMatch ? 3 + next(next(50) > 0 ? 40 : 70_000) : next(30)));
    for (; at < end; at += 1) bytes[at] = isMatch ? (bytes[at - offset] as number) : next(16) * next(16);
  }
  return bytes;
}

/** Letters, some of them more often than others. */
function letters(length: number): Uint8Array {
  const next = numbers(length);
  return Uint8Array.from({ length }, () => 97 + Math.min(next(26), next(26)));
}

function decoded(source: Uint8Array, length: number): Uint8Array {
  const target = new Uint8Array(length);
  unzstd(findZstdFrame(source, length), target);
  return target;
}

describe("unzstd", () => {
  it.each([1, 3, 9, 19])("gives back what is compressed at level %d", async (level) => {
    for (const length of [1, 7, 300, 5000, 65_536, 600_000]) {
      for (const bytes of [matches(length), letters(length), new Uint8Array(length)]) {
        const source = await node.compress("zstd", bytes, { level });
        expect(Buffer.compare(decoded(source, length), bytes)).toBe(0);
      }
    }
  });

  const skips = spawnSync("zstd", ["--version"], { stdio: "ignore" }).status !== 0;
  it.skipIf(skips)("reads what zstd streams, of unknown length and with a checksum (needs zstd)", () => {
    for (const level of ["-1", "-19", "--fast=5"]) {
      for (const bytes of [matches(700_000), letters(200_000)]) {
        const { stdout } = spawnSync("zstd", ["-q", "-c", "--check", level], { input: bytes });
        expect(Buffer.compare(decoded(stdout, bytes.length), bytes)).toBe(0);
      }
    }
  });

  it("decodes raw and repeated bytes", () => {
    const target = new Uint8Array(8);
    unzstd(frame(8, block(0, 3, false, [1, 2, 3]), block(1, 5, true, [9])), target);
    expect([...target]).toEqual([1, 2, 3, 9, 9, 9, 9, 9]);
  });

  it("carries out matches that overlap with themselves", () => {
    // One literal, then a match that starts one byte back, of the length that the code 10 stands for.
    const target = new Uint8Array(14);
    unzstd(
      frame(14, sequenceBlock({ sequences: 1, literalCode: 1, offsetCode: 2, matchCode: 10, extra: 0b100 })),
      target,
    );
    expect([...target]).toEqual(new Array(14).fill(0x41));
  });
});

describe("unzstd of frames that are wrong", () => {
  it("rejects blocks that yield less or more than the target, whatever the frame declares", () => {
    expect(() => unzstd(frame(8, block(1, 7, true, [9])), new Uint8Array(8))).toThrow(bad);
    expect(() => unzstd(frame(8, block(1, 9, true, [9])), new Uint8Array(8))).toThrow(bad);
    const many = Array.from({ length: 3 }, (_, at) => block(1, 8, at === 2, [9]));
    expect(() => unzstd(frame(8, ...many), new Uint8Array(8))).toThrow(bad);
  });

  it("stops at the first match that does not fit, though thousands of the longest would follow", () => {
    const hostile = sequenceBlock({
      sequences: 98_000,
      literalCode: 0,
      offsetCode: 0,
      matchCode: 52,
      extra: 1,
    });
    expect(() => unzstd(frame(65_536, hostile), new Uint8Array(65_536))).toThrow(bad);
  });

  it("rejects a block of nothing", () => {
    expect(() => unzstd(frame(4, block(2, 0, true, [])), new Uint8Array(4))).toThrow(bad);
  });

  it("rejects a match from before the start", () => {
    const far = sequenceBlock({ sequences: 1, literalCode: 1, offsetCode: 4, matchCode: 10, extra: 0b11111 });
    expect(() => unzstd(frame(14, far), new Uint8Array(14))).toThrow(bad);
  });

  it.each([
    ["literals use a Huffman tree that was never sent", [0b0011, 0, 0, 1, 0]],
    ["sequences use a table that was never sent", [0b00001000, 0x41, 1, 0b11_00_00_00, 1]],
    ["reserved bits of sequences are set", [0b00001000, 0x41, 1, 0b01010101, 0, 0, 0, 1]],
    ["a code is none", [0b00001000, 0x41, 1, 0b01010100, 36, 0, 0, 1]],
    ["bytes follow where no sequences are", [0b00001000, 0x41, 0, 7]],
    ["literals are cut off", [0b11111100, 0xff, 0xff, 1, 2]],
  ])("rejects a block in which %s", (message, body) => {
    const decode = () => unzstd(frame(4, block(2, body.length, true, body)), new Uint8Array(4));
    expect(decode).toThrow(bad);
    expect(decode).toThrow(message);
  });

  it("fails with its one error, or fills the target, whatever bits are wrong", async () => {
    const samples = await Promise.all(
      [matches(3000), letters(500), letters(3000)].map(async (bytes) => ({
        length: bytes.length,
        source: await node.compress("zstd", bytes),
      })),
    );
    const flip = fc.record({
      sample: fc.constantFrom(...samples),
      flips: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    });
    const property = fc.property(flip, ({ sample: { source, length }, flips }) => {
      const damaged = source.slice();
      for (const bit of flips) {
        const at = (bit >> 3) % damaged.length;
        damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
      }
      try {
        decoded(damaged, length);
      } catch (error) {
        expect(error).toEqual(bad);
      }
    });
    await fc.assert(property, { numRuns: 3000 });
  });
});
