// Where a larger refcount table goes, as data.

import { type Geometry, REFCOUNT_TABLE_BYTES_MAX } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { planTableGrowth } from "../../src/allocate/plan-table-growth.js";
import { geometryFor } from "../header-choices.js";

function geometry(clusterBits: number, refcountOrder: number): Geometry {
  return geometryFor({ size: 2 ** 20, clusterBits, refcountOrder });
}

describe("a larger refcount table (D8)", () => {
  test("lies behind the blocks that count it, which begin with the first cluster that is not counted yet", () => {
    expect(planTableGrowth(64, 64, geometry(9, 4))).toEqual({ first: 64 * 256, blocks: 1, tableClusters: 2 });
    expect(planTableGrowth(8192, 8192, geometry(16, 4))).toEqual({
      first: 8192 * 32768,
      blocks: 1,
      tableClusters: 2,
    });
  });

  test("counts itself, its blocks, and keeps all entries: any geometry, any size", () => {
    for (const clusterBits of [9, 10, 12, 16, 21]) {
      for (const order of [0, 4, 6]) {
        const g = geometry(clusterBits, order);
        const perCluster = g.clusterSize / 8;
        for (const entries of [perCluster, 5 * perCluster, 300_000]) {
          const growth = planTableGrowth(entries, entries, g);
          if (growth === undefined) continue;
          const { first, blocks, tableClusters } = growth;
          expect(first).toBe(entries * g.refcountBlockEntries);
          expect(blocks * g.refcountBlockEntries).toBeGreaterThanOrEqual(blocks + tableClusters);
          expect(tableClusters * perCluster).toBeGreaterThanOrEqual(entries + blocks);
          expect(tableClusters * g.clusterSize).toBeLessThanOrEqual(REFCOUNT_TABLE_BYTES_MAX);
        }
      }
    }
  });

  test("is not planned past what the format allows", () => {
    const entriesMax = REFCOUNT_TABLE_BYTES_MAX / 8;
    expect(planTableGrowth(entriesMax, entriesMax, geometry(16, 4))).toBeUndefined();
    expect(planTableGrowth(entriesMax - 1, entriesMax - 1, geometry(16, 4))).toMatchObject({
      tableClusters: REFCOUNT_TABLE_BYTES_MAX / 2 ** 16,
    });
  });
});
