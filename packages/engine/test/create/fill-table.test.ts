import { encodeL1Entry, encodeL2Entry, encodeRefcountTableEntry, readRefcount } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { filledBytes, fillTable } from "../../src/create/fill-table.js";
import type { PointerTable, RefcountBlocks, TablePlan } from "../../src/create/plan-create.js";

const SECTOR = 512;

/** The whole table, made in pieces of `pieceBytes`. */
function made(table: TablePlan, pieceBytes: number): Uint8Array {
  const bytes = new Uint8Array(table.length);
  const end = filledBytes(table);
  for (let at = 0; at < end; at += pieceBytes) {
    // What a buffer held before must not show.
    const piece = new Uint8Array(Math.min(pieceBytes, end - at)).fill(0xee);
    fillTable(table, at, piece);
    bytes.set(piece, at);
  }
  return bytes;
}

function words(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.byteLength / 8 }, (_, index) => view.getBigUint64(index * 8));
}

const pointers: PointerTable = {
  kind: "pointers",
  offset: 0,
  length: 4096,
  entries: 131,
  entryBytes: 8,
  firstTarget: 2 ** 32 - 65536 * 3,
  clusterSize: 65536,
  copied: true,
};

describe.each([SECTOR, 1024, 4096])("in pieces of %i bytes", (pieceBytes) => {
  test("L1 entries name one table after the other, past 4 GiB too", () => {
    const expected = Array.from({ length: 512 }, (_, index) =>
      index < 131
        ? encodeL1Entry({ offset: BigInt(2 ** 32 + 65536 * (index - 3)), copied: true, reserved: 0n })
        : 0n,
    );
    expect(words(made(pointers, pieceBytes))).toEqual(expected);
  });

  test("refcount table entries do not say COPIED", () => {
    const table = { ...pointers, copied: false, entries: 3, firstTarget: 65536 };
    const expected = [1n, 2n, 3n].map((n) => encodeRefcountTableEntry({ offset: n * 65536n, reserved: 0n }));
    expect(words(made(table, pieceBytes)).slice(0, 4)).toEqual([...expected, 0n]);
  });

  test("extended L2 entries have a place, and no subcluster has contents", () => {
    const entries = words(made({ ...pointers, entryBytes: 16, entries: 100 }, pieceBytes));
    expect(entries.filter((_, index) => index % 2 === 1).every((bitmap) => bitmap === 0n)).toBe(true);
    expect(entries[198]).toBe((1n << 63n) | BigInt(2 ** 32 + 65536 * 96));
    expect(entries[200]).toBe(0n);
  });

  test("entries of a data file begin with offset 0, which COPIED tells from none", () => {
    const geometry = { version: 3, clusterBits: 16, extendedL2: false, hasDataFile: true } as const;
    const expected = [0n, 65536n].map((offset) =>
      encodeL2Entry({ kind: "normal", offset, copied: true, reserved: 0n }, geometry),
    );
    expect(words(made({ ...pointers, firstTarget: 0, entries: 2 }, pieceBytes)).slice(0, 3)).toEqual([
      ...expected,
      0n,
    ]);
  });

  test.each([1, 2, 4, 8, 16, 32, 64])("refcounts of %i bits are 1 up to the end, then 0", (refcountBits) => {
    for (const entries of [1, 3, 7, 8, 9, 255, 511, 512]) {
      const table: RefcountBlocks = { kind: "refcounts", offset: 0, length: 4096, entries, refcountBits };
      const bytes = made(table, pieceBytes);
      const all = Array.from({ length: 512 }, (_, index) => Number(readRefcount(bytes, index, refcountBits)));
      expect(all.lastIndexOf(1)).toBe(entries - 1);
      expect(all.slice(0, entries).every((count) => count === 1)).toBe(true);
      expect(all.slice(entries).every((count) => count === 0)).toBe(true);
    }
  });
});

test("only the sectors that hold something are made", () => {
  expect(filledBytes({ ...pointers, entries: 0 })).toBe(0);
  expect(filledBytes({ ...pointers, entries: 64 })).toBe(512);
  expect(filledBytes({ ...pointers, entries: 65 })).toBe(1024);
  expect(filledBytes({ kind: "refcounts", offset: 0, length: 512, entries: 4097, refcountBits: 1 })).toBe(
    512,
  );
});
