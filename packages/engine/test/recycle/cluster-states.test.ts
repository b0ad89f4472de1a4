import { expect, test } from "vitest";
import { CLUSTER_STATES, ClusterStates } from "../../src/recycle/cluster-states.js";

function known(...states: (typeof CLUSTER_STATES)[number][]): ClusterStates {
  const all = new ClusterStates(undefined);
  states.forEach((state, index) => {
    all.learn(index, state);
  });
  return all;
}

test("S-0.9.4-1: only the changes of the table are possible, and the others change nothing", () => {
  const legal: string[] = [];
  for (const from of CLUSTER_STATES) {
    for (const to of CLUSTER_STATES) {
      const states = known(from);
      try {
        states.change(0, 1, from, to);
        legal.push(`${from} > ${to}`);
        expect(states.state(0)).toBe(to);
      } catch (error) {
        expect(error).toMatchObject({ code: "QCOW2_BROKEN_INVARIANT" });
        expect(states.state(0)).toBe(from);
      }
    }
  }
  expect(legal).toMatchInlineSnapshot(`
    [
      "used > junk",
      "used > erased",
      "junk > used",
      "junk > erased",
      "junk > copying",
      "erased > used",
      "erased > junk",
      "erased > available",
      "erased > copying",
      "available > used",
      "available > copying",
      "copying > junk",
      "copying > copied",
      "copied > junk",
      "copied > flushed",
      "flushed > junk",
      "flushed > referenced",
      "referenced > used",
      "referenced > junk",
    ]
  `);
});

test("S-0.9.4-8: a cluster becomes junk once", () => {
  const states = known("used", "junk");
  states.freed(0);
  expect(() => states.freed(0)).toThrow("a bug");
  expect(states.total("junk")).toBe(2);
});

test("S-0.9.4-9: a change from a state in which the cluster is not is a bug", () => {
  const states = known("junk", "used");
  expect(() => states.change(0, 2, "junk", "copying")).toThrow("cluster 1 is used");
  expect(states.count("junk")).toBe(1);
});

test("S-0.9.2-4: what is in use, or being copied to, cannot be cut off", () => {
  const states = known("used", "junk", "copying", "available");
  expect(() => states.cut(2)).toThrow("cluster 2 is copying");
});

test("what appears behind the end is available: the file reads as zero there", () => {
  const states = known("used");
  expect(states.state(7)).toBe("available");
  states.taken(3, 1, false);
  expect(states.clusters).toBe(4);
  expect([states.count("used"), states.count("available")]).toEqual([2, 2]);
  states.freed(3);
  states.cut(1);
  expect(states.freeClusters).toBe(0);
  expect(states.state(3)).toBe("available");
});

test("S-0.9.1-2: counting stays right over millions of clusters", () => {
  const states = new ClusterStates(undefined);
  states.taken(0, 2_000_000, false);
  for (let index = 0; index < 2_000_000; index += 2) states.freed(index);
  expect(states.count("junk")).toBe(1_000_000);
  expect(states.next("junk", 1_999_999)).toBe(-1);
  expect(states.next("junk", 3)).toBe(4);
});
