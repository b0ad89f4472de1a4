// Looking up where clusters go.

import { describe, expect, test } from "vitest";
import { MoveMap } from "../../src/compact/move-map.js";

describe("a map of moves", () => {
  test("says where a cluster goes, and 0 for all that stay", () => {
    const moves = new MoveMap([10, 12, 15], [1, 2, 7]);
    const all = Array.from({ length: 20 }, (_, index) => moves.destination(index));
    expect(all).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 7, 0, 0, 0, 0]);
    expect(moves.size).toBe(3);
  });

  test("knows nothing of what is no cluster: half of one, or a place past everything", () => {
    const moves = new MoveMap([10], [1]);
    expect([moves.destination(10.5), moves.destination(-1), moves.destination(2 ** 40)]).toEqual([0, 0, 0]);
  });

  test("visits each pair, sources ascending", () => {
    const pairs: number[][] = [];
    new MoveMap([3, 9], [2, 1]).forEach((...pair) => {
      pairs.push(pair);
    });
    expect(pairs).toEqual([
      [3, 2],
      [9, 1],
    ]);
  });

  test("may be empty", () => {
    const moves = new MoveMap([], []);
    moves.forEach(() => {
      expect.fail("there is nothing to visit");
    });
    expect([moves.size, moves.destination(0), moves.destination(1)]).toEqual([0, 0, 0]);
  });

  test("holds clusters of a file of 16 TiB", () => {
    const moves = new MoveMap([2 ** 32 + 1], [2 ** 32 - 1]);
    expect(moves.destination(2 ** 32 + 1)).toBe(2 ** 32 - 1);
  });
});
