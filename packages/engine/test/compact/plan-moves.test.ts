// Plans of one round, from drawn maps of what clusters are used for.

import { describe, expect, test } from "vitest";
import type { MoveMap } from "../../src/compact/move-map.js";
import { isIdlePlan, type MovePlan, needsAnotherRound, planMoves } from "../../src/compact/plan-moves.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { CLUSTER, useOf } from "./cluster-map.js";

function pairs(moves: MoveMap): [number, number][] {
  const found: [number, number][] = [];
  moves.forEach((source, destination) => {
    found.push([source, destination]);
  });
  return found;
}

function places({ structures }: MovePlan): [number, number][] {
  return structures.map(({ structure, destination }) => [structure.offset / CLUSTER, destination]);
}

describe("a plan", () => {
  test("fills the holes before the end with what lies behind it, in the same order", () => {
    const plan = planMoves(useOf("H.s.s.ss"));
    expect(plan.end).toBe(5);
    expect(pairs(plan.singles)).toEqual([
      [6, 1],
      [7, 3],
    ]);
    expect(needsAnotherRound(plan)).toBe(false);
  });

  test("keeps a row in the file a row where the holes are one", () => {
    expect(pairs(planMoves(useOf("H...s...sss")).singles)).toEqual([
      [8, 1],
      [9, 2],
      [10, 3],
    ]);
  });

  test("is idle when nothing lies behind the end, whatever is free there", () => {
    for (const map of ["H", "Hsss", "Hsss....", "H--sTT"]) {
      const plan = planMoves(useOf(map));
      expect(isIdlePlan(plan), map).toBe(true);
      expect(pairs(plan.evictions)).toEqual([]);
    }
  });

  test("leaves the gaps among what the file begins with, and what has no place for a refcount", () => {
    const plan = planMoves(useOf("H--s.s--s"));
    expect(plan.end).toBe(6);
    expect(pairs(plan.singles)).toEqual([[8, 4]]);
  });

  test("gives a structure the lowest row of free clusters that is long enough", () => {
    const plan = planMoves(useOf("H.s...ssssTT"));
    expect(plan.end).toBe(8);
    expect(places(plan)).toEqual([[10, 3]]);
    expect(pairs(plan.singles)).toEqual([
      [8, 1],
      [9, 5],
    ]);
    expect(pairs(plan.evictions)).toEqual([]);
    expect(needsAnotherRound(plan)).toBe(true);
  });

  test("places the longest structure first, and no two at one place", () => {
    const plan = planMoves(useOf("H..sss......AABBB"));
    expect(plan.end).toBe(9);
    expect(places(plan)).toEqual([
      [14, 6],
      [12, 1],
    ]);
  });

  test("moves singles out of the window that has the fewest, first into holes and then behind the file", () => {
    const plan = planMoves(useOf("Hss.ss.ssTT"));
    expect(plan.end).toBe(9);
    expect(places(plan)).toEqual([[9, 2]]);
    expect(pairs(plan.evictions)).toEqual([[2, 6]]);
    const crowded = planMoves(useOf("H.ssss.TTT"));
    expect(places(crowded)).toEqual([[7, 1]]);
    expect(pairs(crowded.evictions)).toEqual([
      [2, 6],
      [3, 10],
    ]);
  });

  test("leaves structures where they are when what gives way has no place", () => {
    const use = useOf("H.ssss.TTT");
    const plan = planMoves({ ...use, isUsable: (index) => index < 10 && use.isUsable(index) });
    expect(plan.structures).toEqual([]);
    expect(plan.evictions.size).toBe(0);
  });

  test("never moves a structure to a later place", () => {
    expect(planMoves(useOf("HccccTT.cc")).structures).toEqual([]);
  });

  test("never moves what something unknown names", () => {
    const use = useOf("H..ssXs");
    const plan = planMoves({ ...use, structures: [] });
    expect(plan.end).toBe(5);
    expect(pairs(plan.singles)).toEqual([[6, 1]]);
    expect(plan.structures).toEqual([]);
  });

  test("has room for streams when holes are left of what singles need", () => {
    expect(planMoves(useOf("H..s.csc"))).toMatchObject({ end: 5, hasStreams: true });
    expect(planMoves(useOf("H..s.css")).hasStreams).toBe(true);
    expect(planMoves(useOf("H.c.s")).hasStreams).toBe(false);
  });

  test("moves what lies last when there are fewer holes than singles", () => {
    // The structure takes two of the three holes.
    const plan = planMoves(useOf("Hs..c.c.ssT"));
    expect(plan.end).toBe(7);
    expect(pairs(plan.singles)).toEqual([
      [8, 3],
      [9, 5],
    ]);
    expect(places(plan)).toEqual([[10, 2]]);
  });
});

function randomMap(random: Random, letters: string): string {
  let map = `H${"-".repeat(random.below(4))}`;
  const length = map.length + random.between(1, 80);
  let structure = 0;
  while (map.length < length) {
    const letter = random.pick([...letters]);
    if (letter === "T") {
      map += String.fromCharCode(65 + (structure % 7)).repeat(random.between(1, 6));
      structure++;
    } else map += letter.repeat(random.between(1, 4));
  }
  return map;
}

/** The map after the moves of single clusters. */
function moved(map: string, moves: MoveMap): string {
  const letters = [...map];
  for (const [source, destination] of pairs(moves)) {
    letters[destination] = letters[source] as string;
    letters[source] = ".";
  }
  return letters.join("");
}

function expectSound(map: string, plan: MovePlan): void {
  const use = useOf(map);
  const singles = pairs(plan.singles);
  const targets = new Set(singles.map(([, destination]) => destination));
  expect(targets.size).toBe(singles.length);
  expect([...targets].sort((a, b) => a - b)).toEqual([...targets]);
  for (const [source, destination] of singles) {
    expect(use.isSingle(source) && source >= plan.end).toBe(true);
    expect(use.references(destination) === 0 && use.isUsable(destination)).toBe(true);
    expect(destination).toBeLessThan(plan.end);
  }
  const between = moved(map, plan.singles);
  for (const [source, destination] of pairs(plan.evictions)) {
    expect(between[source]).toBe("s");
    expect(between[destination] ?? ".").toBe(".");
  }
  const after = moved(between, plan.evictions);
  const taken = new Set<number>();
  for (const { structure, destination } of plan.structures) {
    expect(destination).toBeLessThan(structure.offset / CLUSTER);
    for (let index = destination; index < destination + structure.length / CLUSTER; index++) {
      expect(after[index]).toBe(".");
      expect(taken.has(index)).toBe(false);
      taken.add(index);
    }
  }
}

describe("a plan of a random map", () => {
  test("moves singles from behind the end to free places before it, and leaves none behind", async () => {
    await forSeeds(modelRuns(400), async (random) => {
      const map = randomMap(random, random.pick(["s.", "s..-", "ss.c", "s.cX"]));
      const plan = planMoves({ ...useOf(map), structures: [] });
      expectSound(map, plan);
      expect(moved(map, plan.singles).indexOf("s", plan.end)).toBe(-1);
    });
  });

  test("places structures where nothing is, once all else has moved", async () => {
    let places = 0;
    await forSeeds(modelRuns(400), async (random) => {
      const map = randomMap(random, random.pick(["s.T", "s..-T", "ss.cT", "sss..T"]));
      const plan = planMoves(useOf(map));
      expectSound(map, plan);
      places += plan.structures.length;
    });
    expect(places).toBeGreaterThan(100);
  });
});
