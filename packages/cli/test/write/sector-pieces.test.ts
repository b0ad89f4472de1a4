import { describe, expect, it } from "vitest";
import { PIECE_BYTES, paddedEnd, sectorPieces } from "../../src/write/sector-pieces.js";

async function piecesOf(chunks: Uint8Array[], offset: number): Promise<[number, number][]> {
  const pieces: [number, number][] = [];
  const expected = Buffer.concat(chunks);
  let at = 0;
  for await (const { offset: start, bytes } of sectorPieces(chunks, offset)) {
    pieces.push([start, bytes.length]);
    const given = expected.subarray(at, at + bytes.length);
    const whole = Buffer.concat([given, Buffer.alloc(bytes.length - given.length)]);
    expect(Buffer.compare(bytes, whole)).toBe(0);
    at += bytes.length;
  }
  return pieces;
}

describe("sectorPieces", () => {
  it("has none for nothing", async () => {
    expect(await piecesOf([], 0)).toEqual([]);
    expect(await piecesOf([new Uint8Array(0)], 700)).toEqual([]);
  });

  it("fills the last sector with zeros, wherever the first begins", async () => {
    expect(await piecesOf([Buffer.from("abc")], 0)).toEqual([[0, 512]]);
    expect(await piecesOf([Buffer.from("abc")], 511)).toEqual([[511, 513]]);
    expect(await piecesOf([Buffer.alloc(512, 1)], 1024)).toEqual([[1024, 512]]);
  });

  it("makes large, aligned pieces of chunks of any length, whose zeros are not those of the piece before", async () => {
    const chunks = [1, 100_000, PIECE_BYTES * 2, 7].map((length) => Buffer.alloc(length, length));
    expect(await piecesOf(chunks, PIECE_BYTES - 1000)).toEqual([
      [PIECE_BYTES - 1000, 1000],
      [PIECE_BYTES, PIECE_BYTES],
      [2 * PIECE_BYTES, PIECE_BYTES],
      [3 * PIECE_BYTES, 99_328],
    ]);
  });
});

it("paddedEnd is where the last sector ends", () => {
  expect([paddedEnd(5, 0), paddedEnd(0, 1), paddedEnd(511, 1), paddedEnd(511, 2)]).toEqual([
    5, 512, 512, 1024,
  ]);
});
