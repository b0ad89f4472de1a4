// What a write does with each cluster, as data.

import type { Geometry } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { InvalidReason } from "../../src/mapping/run-list.js";
import { planOverwrite, planWrite, subclusterBits } from "../../src/write/plan-write.js";
import { geometryFor } from "../header-choices.js";
import { l2Table, type TestEntry } from "./l2-table.js";

const C = 65_536;
const SUB = C / 32;
const STANDARD = geometryFor({ size: 2 ** 30 });
const VERSION_2 = geometryFor({ size: 2 ** 30, version: 2 });
const EXTENDED = geometryFor({ size: 2 ** 30, extendedL2: true });
const DATA_FILE = geometryFor({ size: 2 ** 30, dataFile: "data" });
const BASE = 2 ** 29;

/** The plan of a write from `start` to `end`, bytes from where the table begins. */
function plan(geometry: Geometry, entries: readonly TestEntry[], start: number, end: number, base = BASE) {
  const span = { table: l2Table(geometry, entries), base, start: base + start, end: base + end };
  const planned = planWrite(span, geometry);
  if (!("runs" in planned)) expect(planOverwrite(span, geometry)).toBeUndefined();
  if (!("runs" in planned)) return { invalid: [planned.invalid.guest - base, planned.invalid.reason] };
  const runs = planned.runs.map(({ action, index, count, host, from, to }) => [
    action,
    index,
    count,
    host,
    from - base,
    to - base,
  ]);
  const overwrite = planOverwrite(span, geometry);
  if (overwrite !== undefined) expect(overwrite).toEqual(planned.runs);
  return { runs, inPlace: overwrite !== undefined };
}

function own(host: number, more: Partial<TestEntry> = {}): TestEntry {
  return { kind: "normal", host, copied: true, ...more };
}

describe("a plan of a write", () => {
  test("is in place where clusters are the disk's own, one run where they follow each other", () => {
    const entries = [own(4 * C), own(5 * C), own(9 * C)];
    expect(plan(STANDARD, entries, 100, 2 * C + 5)).toEqual({
      runs: [
        ["overwrite", 0, 2, 4 * C, 100, 2 * C],
        ["overwrite", 2, 1, 9 * C, 2 * C, 2 * C + 5],
      ],
      inPlace: true,
    });
  });

  test("makes new clusters where there are none, defined as a whole, in one run", () => {
    const entries: TestEntry[] = [{ kind: "unallocated" }, { kind: "zeroPlain" }, { kind: "unallocated" }];
    expect(plan(STANDARD, entries, C / 2, 2 * C + 5)).toEqual({
      runs: [["allocate", 0, 3, 0, 0, 3 * C]],
      inPlace: false,
    });
  });

  test("replaces compressed clusters, and those that snapshots share", () => {
    const entries: TestEntry[] = [{ kind: "compressed", host: 3 * C + 7 }, own(5 * C, { copied: false })];
    expect(plan(STANDARD, entries, 10, C + 10)).toEqual({
      runs: [["allocate", 0, 2, 0, 0, 2 * C]],
      inPlace: false,
    });
  });

  test("fills a place that is reserved for zeros, if it is the disk's own", () => {
    const entries: TestEntry[] = [
      { kind: "zeroAllocated", host: 4 * C, copied: true },
      { kind: "zeroAllocated", host: 5 * C, copied: true },
      { kind: "zeroAllocated", host: 6 * C },
    ];
    expect(plan(STANDARD, entries, 10, 3 * C)).toEqual({
      runs: [
        ["fill", 0, 2, 4 * C, 0, 2 * C],
        ["allocate", 2, 1, 0, 2 * C, 3 * C],
      ],
      inPlace: false,
    });
  });

  test("takes clusters of an external data file where they are", () => {
    const entries: TestEntry[] = [own(0), { kind: "unallocated" }, own(2 * C)];
    expect(plan(DATA_FILE, entries, 5, 2 * C + 5, 0)).toEqual({
      runs: [
        ["overwrite", 0, 1, 0, 5, C],
        ["allocate", 1, 1, 0, C, 2 * C],
        ["overwrite", 2, 1, 2 * C, 2 * C, 2 * C + 5],
      ],
      inPlace: false,
    });
  });
});

describe("a plan of a write to extended entries", () => {
  test("is in place where all subclusters that it touches are allocated", () => {
    const entries = [own(4 * C, { alloc: 0b1110 })];
    expect(plan(EXTENDED, entries, SUB + 3, 4 * SUB)).toEqual({
      runs: [["overwrite", 0, 1, 4 * C, SUB + 3, 4 * SUB]],
      inPlace: true,
    });
  });

  test("fills whole subclusters where one that it touches is not", () => {
    const entries = [own(4 * C, { alloc: 0b0110, zero: 0b1000 })];
    expect(plan(EXTENDED, entries, SUB + 3, 3 * SUB + 1)).toEqual({
      runs: [["fill", 0, 1, 4 * C, SUB, 4 * SUB]],
      inPlace: false,
    });
  });

  test("makes a new cluster of the touched subclusters only, but of all when it replaces one", () => {
    const fresh: TestEntry[] = [{ kind: "unallocated", zero: 0xff }];
    expect(plan(EXTENDED, fresh, SUB + 3, 3 * SUB + 1)).toEqual({
      runs: [["allocate", 0, 1, 0, SUB, 4 * SUB]],
      inPlace: false,
    });
    for (const replaced of [own(4 * C, { copied: false, alloc: 1 }), { kind: "compressed", host: 512 }]) {
      expect(plan(EXTENDED, [replaced as TestEntry], SUB + 3, 3 * SUB + 1)).toEqual({
        runs: [["allocate", 0, 1, 0, 0, C]],
        inPlace: false,
      });
    }
  });

  test("is one run over clusters that follow each other", () => {
    const entries = [own(4 * C, { alloc: 0xffff_ffff }), own(5 * C, { alloc: 0xffff_ffff })];
    expect(plan(EXTENDED, entries, 5, 2 * C)).toMatchObject({
      runs: [["overwrite", 0, 2, 4 * C, 5, 2 * C]],
    });
  });
});

describe("a plan of a write to entries that make no sense", () => {
  const cases: [string, Geometry, TestEntry, number][] = [
    ["an unaligned offset", STANDARD, own(4 * C + 512), InvalidReason.unaligned],
    ["an offset past 2^53", STANDARD, own(2 ** 54), InvalidReason.pastSafeOffsets],
    ["an offset elsewhere in a data file", DATA_FILE, own(7 * C), InvalidReason.dataFileOffset],
    [
      "a subcluster that is allocated and zero",
      EXTENDED,
      own(4 * C, { alloc: 3, zero: 1 }),
      InvalidReason.subclusterBitmap,
    ],
    [
      "subclusters that are allocated nowhere",
      EXTENDED,
      { kind: "unallocated", alloc: 2 },
      InvalidReason.subclusterBitmap,
    ],
  ];
  test.each(cases)("says where and why: %s", (_, geometry, entry, reason) => {
    const good: TestEntry = geometry === DATA_FILE ? own(BASE) : own(4 * C, { alloc: 0xffff_ffff });
    expect(plan(geometry, [good, entry], 5, 2 * C)).toEqual({ invalid: [C, reason] });
  });

  test("says so of the zero flag in version 2, and of a compressed cluster beside a data file", () => {
    const span = (geometry: Geometry, word: bigint) => {
      const table = l2Table(geometry, []);
      table.setBigUint64(0, word);
      return planWrite({ table, base: 0, start: 0, end: 1 }, geometry);
    };
    const invalid = (reason: number) => ({ invalid: { guest: 0, reason } });
    expect(span(VERSION_2, 1n)).toEqual(invalid(InvalidReason.zeroFlagInVersion2));
    expect(span(VERSION_2, BigInt(C) | 1n)).toEqual(invalid(InvalidReason.zeroFlagInVersion2));
    expect(span(DATA_FILE, 1n << 62n)).toEqual(invalid(InvalidReason.compressedWithDataFile));
  });
});

describe("bits of subclusters", () => {
  test("are from the first to before the last, up to all 32", () => {
    expect(subclusterBits(0, C, SUB)).toBe(0xffff_ffff);
    expect(subclusterBits(0, 0, SUB)).toBe(0);
    expect(subclusterBits(31 * SUB, C, SUB)).toBe(0x8000_0000);
    expect(subclusterBits(SUB, 3 * SUB, SUB)).toBe(0b110);
  });
});
