// The plan of a read, from runs that are written down: no image, no I/O.

import { describe, expect, test } from "vitest";
import { RunKind, RunList } from "../src/mapping/run-list.js";
import { planRead, SPAN_BYTES_MAX } from "../src/read/plan-read.js";

const KIB = 1024;

/** Runs in guest order: kind, length, host offset, stream length, depth. */
function runsOf(
  ...parts: [kind: number, length: number, host?: number, extra?: number, depth?: number][]
): RunList {
  const runs = new RunList(1);
  let start = 0;
  for (const [kind, length, host = 0, extra = 0, depth = 0] of parts) {
    runs.push(start, length, kind, host, extra, depth);
    start += length;
  }
  return runs;
}

function spansOf(runs: RunList): [host: number, length: number, segments: number][] {
  return planRead(runs).spans.map(({ host, length, segments }) => [host, length, segments.length]);
}

describe("the plan of a read", () => {
  test("reads nothing for what is zero or nowhere", () => {
    const runs = runsOf([RunKind.zero, 64], [RunKind.unallocated, 64], [RunKind.zeroAllocated, 64, 4096]);
    expect(planRead(runs)).toEqual({ spans: [], invalidRun: -1 });
  });

  test("joins neighbours in the file, in whatever order the guest has them", () => {
    const c = 64 * KIB;
    const runs = runsOf([RunKind.data, c, 2 * c], [RunKind.data, c, c], [RunKind.data, c, 9 * c]);
    expect(spansOf(runs)).toEqual([
      [c, 2 * c, 2],
      [9 * c, c, 1],
    ]);
  });

  test("joins streams with plain clusters between them", () => {
    const runs = runsOf(
      [RunKind.compressed, 64 * KIB, 1000, 5 * KIB],
      [RunKind.data, 64 * KIB, 64 * KIB],
      [RunKind.compressed, 64 * KIB, 1000 + 5 * KIB, 50 * KIB],
    );
    expect(spansOf(runs)).toEqual([[1000, 128 * KIB - 1000, 3]]);
  });

  test("cuts what is long, and keeps layers apart", () => {
    const runs = runsOf(
      [RunKind.data, SPAN_BYTES_MAX + 512, 0],
      [RunKind.data, 512, SPAN_BYTES_MAX + 512, 0, 1],
    );
    expect(spansOf(runs)).toEqual([
      [0, SPAN_BYTES_MAX, 1],
      [SPAN_BYTES_MAX, 512, 1],
      [SPAN_BYTES_MAX + 512, 512, 1],
    ]);
  });

  test("points at the first run that makes no sense", () => {
    const runs = runsOf([RunKind.data, 512, 512], [RunKind.invalid, 512], [RunKind.invalid, 512]);
    expect(planRead(runs)).toEqual({ spans: [], invalidRun: 1 });
  });
});
