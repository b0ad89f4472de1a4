// Runs of clusters are joined, and there may be millions (S-0.9.1-2).

import { describe, expect, test } from "vitest";
import { ClusterRuns } from "../../src/allocate/cluster-runs.js";
import { PendingFrees } from "../../src/allocate/pending-frees.js";
import { runsOf } from "./make-allocator.js";

describe("cluster runs", () => {
  test("join what continues the last one, and nothing else", () => {
    const runs = new ClusterRuns();
    runs.add(5, 2);
    runs.add(7, 3);
    runs.add(20, 1);
    runs.add(10, 1);
    runs.add(10, 1);
    expect(runsOf(runs)).toEqual([
      [5, 5],
      [20, 1],
      [10, 1],
      [10, 1],
    ]);
    expect(runs.clusters).toBe(8);
    expect(runs.length).toBe(4);
  });

  test("of millions of clusters apart from each other are added to others (S-0.9.1-2)", () => {
    const many = new ClusterRuns();
    for (let cluster = 0; cluster < 2_000_000; cluster += 2) many.add(cluster, 1);
    const runs = new ClusterRuns();
    runs.addAll(many);
    runs.addAll(many);
    expect(runs.length).toBe(2_000_000);
    expect(runs.clusters).toBe(2_000_000);
  });
});

describe("pending frees", () => {
  test("are taken once, and wait again when they are put back", () => {
    const pending = new PendingFrees();
    pending.add(1, 2, true);
    pending.add(9, 1, false);
    expect(pending.clusters).toBe(3);
    const frees = pending.take();
    expect(pending.clusters).toBe(0);
    expect(pending.take().discarded.length).toBe(0);
    pending.add(3, 1, true);
    pending.putBack(frees);
    const again = pending.take();
    expect(runsOf(again.discarded)).toEqual([
      [3, 1],
      [1, 2],
    ]);
    expect(runsOf(again.replaced)).toEqual([[9, 1]]);
  });
});
