import { expect, it } from "vitest";
import { snapshotList } from "../../src/info/snapshot-list.js";

it("lays out snapshots as qemu-img does", () => {
  const snapshot = {
    id: "1",
    name: "before\u001b[2J",
    "vm-state-size": 817n,
    "date-sec": 1706932866,
    "date-nsec": 0,
    "vm-clock-sec": 3723n,
    "vm-clock-nsec": 4_999_999n,
  };
  const [heading, first, second] = snapshotList([snapshot, { ...snapshot, id: "2", name: "n", icount: 7n }]);
  expect(heading).toBe("ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT");
  expect(first).toMatch(/^1 {9}before\\x1b\[2J {7}817 B 2024-02-0[234] ..:..:06 01:02:03\.004 {11}$/);
  expect(second).toMatch(/ 01:02:03\.004 {10}7$/);
});
