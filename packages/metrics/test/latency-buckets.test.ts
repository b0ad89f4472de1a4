import { expect, it } from "vitest";
import { LATENCY_LIMITS, LatencyBuckets } from "../src/latency-buckets.js";

it("counts each observation in its bucket and all above, limits included", () => {
  const buckets = new LatencyBuckets();
  for (const ms of [0, 0.05, 0.051, 1, 31_000]) buckets.observe(ms);
  const cumulative = buckets.cumulative();
  expect(cumulative).toHaveLength(LATENCY_LIMITS.length + 1);
  expect(cumulative.slice(0, 2)).toEqual([2, 3]);
  expect(cumulative[LATENCY_LIMITS.indexOf(0.0005)]).toBe(3);
  expect(cumulative[LATENCY_LIMITS.indexOf(0.001)]).toBe(4);
  expect(cumulative.slice(-2)).toEqual([4, 5]);
  expect(buckets.sumSeconds).toBeCloseTo(31.001101, 9);
});

it("limits grow, so that buckets can be found from the start", () => {
  expect([...LATENCY_LIMITS].sort((a, b) => a - b)).toEqual(LATENCY_LIMITS);
});
