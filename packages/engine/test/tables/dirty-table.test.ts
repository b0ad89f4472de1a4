// A table knows which of its sectors the file lacks.

import { describe, expect, test } from "vitest";
import { DirtyTable } from "../../src/tables/dirty-table.js";

function pieces(table: DirtyTable): [number, number][] {
  return table.takeDirty().map(({ offset, bytes }) => [offset, bytes.byteLength]);
}

describe("a table", () => {
  test("gives the sectors that changed, and then counts as clean", () => {
    const table = new DirtyTable(65_536, new Uint8Array(65_536), false);
    expect([table.isDirty, table.isInFile]).toEqual([false, true]);
    table.markDirty(511, 2);
    table.markDirty(30_000, 8);
    expect([table.isDirty, table.isInFile]).toEqual([true, false]);
    expect(pieces(table)).toEqual([
      [65_536, 1024],
      [65_536 + 29_696, 512],
    ]);
    expect(table.isDirty).toBe(false);
    expect(pieces(table)).toEqual([]);
  });

  test("gives sectors that are near each other as one piece", () => {
    const table = new DirtyTable(0, new Uint8Array(65_536), false);
    table.markDirty(0, 1);
    table.markDirty(9 * 512, 1);
    table.markDirty(19 * 512, 1);
    expect(pieces(table)).toEqual([
      [0, 10 * 512],
      [19 * 512, 512],
    ]);
  });

  test("gives copies: what changes later is dirty again and does not change them", () => {
    const table = new DirtyTable(0, new Uint8Array(4096).fill(1), false);
    table.markDirty(0, 1);
    const [piece] = table.takeDirty();
    table.bytes.fill(2);
    table.markDirty(0, 1);
    expect(piece?.bytes).toEqual(new Uint8Array(512).fill(1));
    expect(table.isDirty).toBe(true);
  });

  test("that is new is given as a whole until it is new no more, whatever changed", () => {
    const table = new DirtyTable(512, new Uint8Array(4096), true);
    expect(table.isDirty).toBe(true);
    expect(pieces(table)).toEqual([[512, 4096]]);
    table.markDirty(600, 1);
    expect(pieces(table)).toEqual([[512, 4096]]);
    table.markDirty(600, 1);
    table.isNew = false;
    expect(pieces(table)).toEqual([[1024, 512]]);
    expect(table.isDirty).toBe(false);
  });

  test("takes back what could not be written, and what changed meanwhile stays dirty too", () => {
    const table = new DirtyTable(512, new Uint8Array(65_536), false);
    table.markDirty(0, 1);
    const taken = table.takeDirty();
    table.markDirty(40_000, 1);
    table.putBack(taken);
    expect(pieces(table)).toEqual([
      [512, 512],
      [512 + 39_936, 512],
    ]);
  });

  test("of fewer bytes than a sector is one sector", () => {
    const table = new DirtyTable(512, new Uint8Array(8), false);
    table.markDirty(0, 8);
    expect(pieces(table)).toEqual([[512, 8]]);
    const none = new DirtyTable(0, new Uint8Array(0), false);
    expect(pieces(none)).toEqual([]);
  });
});
