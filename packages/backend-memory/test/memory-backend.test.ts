import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";

describe("MemoryBackend", () => {
  it("takes memory only where something was written", async () => {
    const backend = new MemoryBackend({ size: 2 ** 50 });
    expect(backend.allocatedBytes).toBe(0);
    await backend.write(2 ** 52, Uint8Array.of(1));
    await backend.write(2 ** 53 - 2, Uint8Array.of(2));
    expect(await backend.size()).toBe(2 ** 53 - 1);
    expect(backend.allocatedBytes).toBeLessThanOrEqual(2 * 4096);
    expect([...backend.toBytes(2 ** 52 - 1, 3)]).toEqual([0, 1, 0]);
    expect([...backend.toBytes(2 ** 53 - 2)]).toEqual([2]);
  });

  it("gives memory back when a range is discarded or cut off, however large the range", async () => {
    const backend = new MemoryBackend();
    for (let index = 0; index < 10; index += 1)
      await backend.write(index * 2 ** 40, new Uint8Array(4096).fill(1));
    await backend.discard(2 ** 40, 3 * 2 ** 40);
    expect(backend.allocatedBytes).toBe(7 * 4096);
    await backend.resize(1);
    expect(backend.allocatedBytes).toBe(4096);
    expect([...backend.toBytes()]).toEqual([1]);
  });

  it("tells where data is by the pages that exist, also when they were written out of order", async () => {
    const backend = new MemoryBackend({ size: 2 ** 50 });
    for (const offset of [2 ** 40, 8192, 4096, 2 ** 45 + 4095])
      await backend.write(offset, Uint8Array.of(1, 1));
    expect(await backend.nextData(0)).toEqual({ start: 4096, end: 12_288 });
    expect(await backend.nextData(8200)).toEqual({ start: 8200, end: 12_288 });
    expect(await backend.nextData(12_288)).toEqual({ start: 2 ** 40, end: 2 ** 40 + 4096 });
    expect(await backend.nextData(2 ** 41)).toEqual({ start: 2 ** 45, end: 2 ** 45 + 8192 });
    expect(await backend.nextData(2 ** 46)).toBeUndefined();
  });

  it("agrees with a plain array after any series of operations", async () => {
    const backend = new MemoryBackend();
    let model = new Uint8Array(0);
    let state = 12345;
    const next = (limit: number) => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state % limit;
    };
    const setLength = (length: number) => {
      const longer = new Uint8Array(length);
      longer.set(model.subarray(0, length));
      model = longer;
    };
    for (let round = 0; round < 400; round += 1) {
      const offset = next(40_000);
      const length = 1 + next(9_000);
      const kind = next(4);
      if (kind === 0) {
        await backend.resize(offset);
        setLength(offset);
      } else if (kind === 1) {
        await backend.discard(offset, length);
        model.fill(0, offset, offset + length);
      } else {
        const bytes = new Uint8Array(length).fill(1 + next(255));
        await backend.write(offset, bytes);
        setLength(Math.max(model.length, offset + length));
        model.set(bytes, offset);
      }
      expect(await backend.size()).toBe(model.length);
      expect(Buffer.compare(backend.toBytes(), model)).toBe(0);
    }
  });

  it("copies what it is made from", async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const backend = MemoryBackend.fromBytes(bytes, { label: "disk" });
    bytes.fill(9);
    expect([...backend.toBytes()]).toEqual([1, 2, 3]);
    expect(backend.label).toBe("disk");
  });

  it("takes a snapshot that later writes do not reach, either way", async () => {
    const backend = MemoryBackend.fromBytes(Uint8Array.of(1, 2, 3));
    const copy = backend.snapshot();
    await backend.write(0, Uint8Array.of(9));
    await copy.write(1, Uint8Array.of(8));
    expect([...backend.toBytes()]).toEqual([9, 2, 3]);
    expect([...copy.toBytes()]).toEqual([1, 8, 3]);
    expect(copy.identity).not.toBe(backend.identity);
  });

  it("shows its bytes even when it is closed, and none past the end", async () => {
    const backend = MemoryBackend.fromBytes(Uint8Array.of(1, 2, 3));
    await backend.close();
    expect([...backend.toBytes(1)]).toEqual([2, 3]);
    expect([...backend.toBytes(1, 1)]).toEqual([2]);
    expect([...backend.toBytes(50, 10)]).toEqual([]);
    expect([...backend.snapshot().toBytes()]).toEqual([1, 2, 3]);
  });

  it("rejects a size that is none", () => {
    expect(() => new MemoryBackend({ size: -1 })).toThrow(
      expect.objectContaining({ code: "BACKEND_BAD_RANGE" }),
    );
    expect(() => new MemoryBackend({ size: 2 ** 53 })).toThrow();
  });
});
