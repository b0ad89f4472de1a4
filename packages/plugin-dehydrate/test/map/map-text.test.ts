import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layoutSexp } from "../../../cli/src/info/sexp.js";
import { Intervals } from "../../src/map/intervals.js";
import { mapText, mapTextLength } from "../../src/map/map-text.js";

function text(totalSize: number, ...pairs: readonly (readonly [number, number])[]): string {
  const intervals = new Intervals();
  for (const [first, last] of pairs) intervals.add(first, last);
  const whole = [...mapText(intervals, totalSize)].join("");
  expect(mapTextLength(intervals, totalSize)).toBe(whole.length);
  return whole;
}

describe("the text of a map", () => {
  it("is one line with descending pairs, as qcow-tool prints it", () => {
    expect(text(458752, [0, 262143], [327680, 393215])).toBe(
      "((blocks ((327680 393215) (0 262143))) (total_size 458752))\n",
    );
  });

  it("has an empty list for no intervals", () => {
    expect(text(512)).toBe("((blocks ()) (total_size 512))\n");
  });

  it("puts the size on a line of its own where one line is too short for all", () => {
    expect(text(10 ** 15, [0, 262143], [327680, 393215], [500000, 500001])).toBe(
      "((blocks ((500000 500001) (327680 393215) (0 262143)))\n (total_size 1000000000000000))\n",
    );
  });

  it("puts a longer list on a line of its own", () => {
    expect(text(90_000_000, [0, 262143], [327680, 393215], [50000000, 50000001], [60000000, 60000001])).toBe(
      "((blocks\n  ((60000000 60000001) (50000000 50000001) (327680 393215) (0 262143)))\n (total_size 90000000))\n",
    );
  });

  it("breaks lines at 77 characters", () => {
    const pairs = Array.from({ length: 100 }, (_, index) => [index * 1000, index * 1000 + 9] as const);
    const lines = text(10 ** 6, ...pairs)
      .trimEnd()
      .split("\n");
    expect(lines[0]).toBe("((blocks");
    expect(lines[1]).toBe("  ((99000 99009) (98000 98009) (97000 97009) (96000 96009) (95000 95009)");
    expect(lines[2]).toBe("   (94000 94009) (93000 93009) (92000 92009) (91000 91009) (90000 90009)");
    expect(lines.at(-2)).toMatch(/^ {3}.*\(0 9\)\)\)$/);
    expect(lines.at(-1)).toBe(" (total_size 1000000))");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(77);
  });

  it("has the layout of all S-expressions that qcow-tool prints", () => {
    const somePair = fc.tuple(fc.nat(), fc.nat());
    fc.assert(
      fc.property(fc.array(somePair, { maxLength: 40 }), fc.nat(), (pairs, totalSize) => {
        const list = pairs.map(([first, last]) => [`${first}`, `${last}`]).reverse();
        const map = [
          ["blocks", list],
          ["total_size", `${totalSize}`],
        ];
        expect(text(totalSize, ...pairs)).toBe(`${layoutSexp(map)}\n`);
      }),
    );
  });
});
