import { expect, test } from "vitest";
import { planRun, RUN_KINDS } from "../../src/plan/run-plan.js";

const plans = Array.from({ length: 1500 }, (_, seed) => planRun(seed, 10));

test("a plan is data, the same for the same seed", () => {
  expect(planRun(7, 10)).toEqual(plans[7]);
  expect(JSON.parse(JSON.stringify(plans[8]?.operations))).toEqual(plans[8]?.operations);
});

test("the plans of many seeds have every geometry and every operation", () => {
  const shapes = plans.map(({ shape }) => shape);
  const all = <T>(values: readonly T[]): T[] => [...new Set(values)].sort() as T[];
  expect(all(shapes.map(({ clusterBits }) => clusterBits))).toHaveLength(13);
  expect(all(shapes.map(({ refcountBits }) => refcountBits))).toHaveLength(7);
  expect(all(shapes.map(({ version }) => version))).toEqual([2, 3]);
  expect(all(shapes.map(({ extendedL2 }) => extendedL2))).toEqual([false, true]);
  expect(all(shapes.map(({ dataFile }) => String(dataFile)))).toEqual(["plain", "raw", "undefined"]);
  expect(all(shapes.map(({ backing }) => String(backing?.format)))).toEqual(["qcow2", "raw", "undefined"]);
  expect(all(shapes.map(({ snapshots }) => snapshots))).toEqual([0, 1, 2]);
  expect(all(shapes.map(({ bitmaps }) => bitmaps))).toEqual([false, true]);
  expect(all(plans.map(({ kind }) => kind))).toEqual([...RUN_KINDS].sort());
  const operations = plans.flatMap(({ operations }) => operations.map(({ kind }) => kind));
  expect(all(operations)).toEqual(
    [
      "write",
      "compressed",
      "zeroes",
      "discard",
      "read",
      "flush",
      "resize",
      "reopen",
      "compact",
      "rest",
      "power-loss",
      "fault",
    ].sort(),
  );
});

test("a kind can be asked for, and changes nothing else about the image", () => {
  const drawn = planRun(3, 10, "plain").shape;
  for (const kind of RUN_KINDS) {
    const { kind: asked, shape } = planRun(3, 10, kind);
    expect(asked).toBe(kind);
    if (kind !== "recycle") expect(shape).toEqual(drawn);
    // These runs are of nothing else, so they need an image in which there is something to recycle.
    else
      expect(shape).toMatchObject({ clusterBits: drawn.clusterBits, size: drawn.size, dataFile: undefined });
  }
});
