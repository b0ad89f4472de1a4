// L2 tables in memory: which stay, which go, and who waits for which read.

import { FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { L2Store } from "../../src/tables/l2-store.js";

const BYTES = 512;

function storeOf(tables: number) {
  const disk = MemoryBackend.fromBytes(new Uint8Array(1000 * BYTES));
  const backend = new FaultyBackend(disk);
  return { backend, store: new L2Store(backend, { tableBytes: BYTES, bytesMax: tables * BYTES }) };
}

describe("L2 tables", () => {
  test("are read once, however many ask at once", async () => {
    const { store, backend } = storeOf(10);
    const tables = await Promise.all(Array.from({ length: 5 }, () => store.get(BYTES)));
    expect(new Set(tables).size).toBe(1);
    expect(backend.counts.read).toBe(1);
    expect(store.peek(BYTES)).toBe(tables[0]);
  });

  test("that are clean and unused go, least recently used first", async () => {
    const { store, backend } = storeOf(3);
    for (const index of [1, 2, 3]) await store.get(index * BYTES);
    store.peek(BYTES);
    await store.get(4 * BYTES);
    expect([1, 2, 3, 4].map((index) => store.peek(index * BYTES) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(backend.counts.read).toBe(4);
  });

  test("that are in use, dirty, new, or being written stay; after a commit they go", async () => {
    const { store } = storeOf(1);
    const inUse = await store.use(BYTES);
    const dirty = await store.get(2 * BYTES);
    dirty.markDirty(0, 8);
    const fresh = store.add(3 * BYTES, new Uint8Array(BYTES));
    const underWay = await store.get(4 * BYTES);
    underWay.isUnderWay = true;
    for (let index = 10; index < 200; index++) await store.get(index * BYTES);
    for (const table of [inUse, dirty, fresh, underWay]) expect(store.peek(table.offset)).toBe(table);
    expect(new Set(store.dirtyTables())).toEqual(new Set([dirty, fresh]));
    inUse.users--;
    dirty.takeDirty();
    fresh.takeDirty();
    fresh.isNew = false;
    underWay.isUnderWay = false;
    store.trim();
    expect([1, 2, 3, 4].filter((index) => store.peek(index * BYTES) !== undefined).length).toBeLessThan(2);
  });

  test("that are used by many at once with room for one do not keep each other from going on", async () => {
    const { store } = storeOf(1);
    const users = Array.from({ length: 50 }, async (_, at) => {
      const table = await store.use(((at % 7) + 1) * BYTES);
      await undefined;
      expect(store.peek(table.offset)).toBe(table);
      table.users--;
    });
    await Promise.all(users);
  });

  test("that cannot be read fail who asked, and are read again by who asks next", async () => {
    const { store, backend } = storeOf(4);
    backend.add({ operation: "read", nth: 1, effect: { kind: "fail" } });
    await expect(store.get(BYTES)).rejects.toMatchObject({ code: "BACKEND_IO" });
    expect((await store.get(BYTES)).offset).toBe(BYTES);
    store.readAhead(2 * BYTES);
    await expect(store.get(5000 * BYTES)).rejects.toMatchObject({ code: "QCOW2_REFERENCE_OUTSIDE_FILE" });
  });

  test("that are removed are gone", async () => {
    const { store } = storeOf(4);
    store.add(BYTES, new Uint8Array(BYTES));
    store.remove(BYTES);
    expect(store.peek(BYTES)).toBeUndefined();
    expect(store.dirtyTables()).toEqual([]);
  });
});
