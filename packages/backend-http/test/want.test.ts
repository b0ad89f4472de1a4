import { describe, expect, it } from "vitest";
import { groupOf } from "../src/want.js";

/** Ranges from pairs of start and end. */
const ranges = (...pairs: [number, number][]) => pairs.map(([start, end]) => ({ start, end }));

describe("the wants of one request", () => {
  it("are neighbours on both sides, over gaps that are small enough", () => {
    const wants = ranges([0, 10], [15, 20], [22, 30], [36, 40]);
    expect(groupOf(wants, 1, 5, 1000)).toEqual({ first: 0, end: 3 });
    expect(groupOf(wants, 3, 5, 1000)).toEqual({ first: 3, end: 4 });
    expect(groupOf(wants, 2, 6, 1000)).toEqual({ first: 0, end: 4 });
  });

  it("are no longer together than a request may be, gaps included", () => {
    const wants = ranges([0, 10], [10, 20], [20, 30], [30, 40]);
    expect(groupOf(wants, 0, 0, 30)).toEqual({ first: 0, end: 3 });
    expect(groupOf(wants, 2, 0, 30)).toEqual({ first: 1, end: 4 });
    expect(groupOf(wants, 1, 0, 9)).toEqual({ first: 1, end: 2 });
    expect(groupOf(ranges([0, 10], [20, 30]), 0, 100, 29)).toEqual({ first: 0, end: 1 });
  });
});
