// What becomes of an entry whose cluster is to read as zero, as data.

import type { Geometry } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { planZero, ZeroAction } from "../../src/write/plan-zero.js";
import { geometryFor } from "../header-choices.js";
import { l2Table, type TestEntry } from "./l2-table.js";

const ALL = 0xffff_ffff;
const C = 65_536;
const V3 = geometryFor({ size: 2 ** 30 });
const V2 = geometryFor({ size: 2 ** 30, version: 2 });
const EXTENDED = geometryFor({ size: 2 ** 30, extendedL2: true });
const DATA_FILE = geometryFor({ size: 2 ** 30, dataFile: "data" });

const NAMES = Object.fromEntries(Object.entries(ZeroAction).map(([name, number]) => [number, name]));

interface Ask {
  readonly unmap?: boolean;
  readonly emptyBelow?: boolean;
  readonly subclusters?: number;
}

function plan(geometry: Geometry, entry: TestEntry, ask: Ask = {}): string | undefined {
  const { unmap = true, emptyBelow = true, subclusters = ALL } = ask;
  return NAMES[planZero(l2Table(geometry, [entry]), 0, { unmap, emptyBelow, subclusters }, geometry)];
}

const own: TestEntry = { kind: "normal", host: 4 * C, copied: true };
const shared: TestEntry = { kind: "normal", host: 4 * C };
const reserved: TestEntry = { kind: "zeroAllocated", host: 4 * C, copied: true };
const compressed: TestEntry = { kind: "compressed", host: 4 * C };
const nothing: TestEntry = { kind: "unallocated" };
const zero: TestEntry = { kind: "zeroPlain" };

describe("a whole cluster", () => {
  const kept = { unmap: false };
  const overlay = { emptyBelow: false };
  const cases: [string, TestEntry, Ask, string][] = [
    ["data is given up", own, {}, "clear"],
    ["data over something becomes zero", own, overlay, "zeroPlain"],
    ["data keeps its place where it is to stay reserved", own, kept, "zeroAllocated"],
    ["data of a snapshot too is let go", shared, kept, "clear"],
    ["compressed data is let go", compressed, kept, "clear"],
    ["compressed data over something becomes zero", compressed, { ...kept, ...overlay }, "zeroPlain"],
    ["a reserved place is given up", reserved, {}, "clear"],
    ["a reserved place over something becomes plain zero", reserved, overlay, "zeroPlain"],
    ["a reserved place stays reserved", reserved, kept, "none"],
    ["nothing over nothing is zero already", nothing, {}, "none"],
    ["nothing over something becomes zero", nothing, overlay, "zeroPlain"],
    ["zero is zero already", zero, overlay, "none"],
  ];
  test.each(cases)("version 3: %s", (_, entry, ask, action) => {
    expect(plan(V3, entry, ask)).toBe(action);
  });

  test.each<[string, TestEntry, Ask, string]>([
    ["data is given up", own, {}, "clear"],
    ["data is given up, since no entry can say zero", own, kept, "clear"],
    ["data over something is written with zeros", own, overlay, "write"],
    ["nothing over something is written with zeros", nothing, overlay, "write"],
    ["compressed data over something is written with zeros", compressed, overlay, "write"],
    ["nothing is nothing", nothing, {}, "none"],
  ])("version 2: %s", (_, entry, ask, action) => {
    expect(plan(V2, entry, ask)).toBe(action);
  });

  test("in a data file is given up, or keeps its place", () => {
    expect(plan(DATA_FILE, { ...own, host: 0 }, {})).toBe("clear");
    expect(plan(DATA_FILE, { ...own, host: 0 }, kept)).toBe("zeroAllocated");
  });

  test("in part is written with zeros, whatever it holds", () => {
    for (const entry of [own, shared, nothing, zero, compressed])
      expect(plan(V3, entry, { subclusters: 0 })).toBe("write");
  });
});

describe("subclusters", () => {
  const half = 0xffff;

  test("of a cluster of the disk's own change their bits", () => {
    expect(plan(EXTENDED, { ...own, alloc: ALL }, { subclusters: half })).toBe("subclusters");
    expect(plan(EXTENDED, { ...own, alloc: ALL }, { unmap: false })).toBe("subclusters");
    expect(plan(EXTENDED, { ...own, alloc: ALL })).toBe("clear");
    expect(plan(EXTENDED, { ...own, alloc: ALL }, { emptyBelow: false })).toBe("zeroPlain");
  });

  test("that read as zero already stay as they are", () => {
    expect(plan(EXTENDED, { ...own, zero: half, alloc: 0xffff_0000 }, { subclusters: half })).toBe("none");
    expect(plan(EXTENDED, { ...own, alloc: 0xffff_0000 }, { subclusters: half })).toBe("none");
    expect(plan(EXTENDED, { ...own, alloc: 0xffff_0000 }, { subclusters: half, emptyBelow: false })).toBe(
      "subclusters",
    );
  });

  test("of nothing say zero where something lies below", () => {
    expect(plan(EXTENDED, nothing, { subclusters: half })).toBe("none");
    expect(plan(EXTENDED, nothing, { subclusters: half, emptyBelow: false })).toBe("subclusters");
    expect(plan(EXTENDED, { ...nothing, zero: ALL }, { emptyBelow: false })).toBe("none");
  });

  test("of a cluster that is shared or compressed are written with zeros, unless it goes as a whole", () => {
    expect(plan(EXTENDED, { ...shared, alloc: ALL }, { subclusters: half })).toBe("write");
    expect(plan(EXTENDED, { ...shared, alloc: ALL }, { unmap: false })).toBe("clear");
    expect(plan(EXTENDED, compressed, { subclusters: half })).toBe("write");
    expect(plan(EXTENDED, compressed)).toBe("zeroPlain");
  });
});
