import { newCounters, readOnly, withCounting } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

describe("withCounting", () => {
  it("counts calls and bytes by kind", async () => {
    const backend = withCounting(new ArrayBackend(new Uint8Array(100)));
    await backend.read(0, new Uint8Array(30));
    await backend.read(0, new Uint8Array(40));
    await backend.write(0, new Uint8Array(50));
    await backend.resize(200);
    await backend.flush();
    await backend.discard?.(10, 60);
    await backend.allocate?.(10, 80);
    await backend.nextData?.(0);
    await backend.size();
    expect(backend.counters).toEqual({
      sizes: 1,
      reads: 2,
      bytesRead: 70,
      writes: 1,
      bytesWritten: 50,
      resizes: 1,
      flushes: 1,
      discards: 1,
      bytesDiscarded: 60,
      allocations: 1,
      bytesAllocated: 80,
      dataQueries: 1,
    });
  });

  it("counts what fails, too", async () => {
    const backend = withCounting(readOnly(new ArrayBackend()));
    await expect(backend.read(0, new Uint8Array(10))).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
    expect(backend.counters).toEqual({ ...newCounters(), reads: 1, bytesRead: 10 });
  });

  it("counts questions for data to what can only be read", async () => {
    const backend = withCounting(readOnly(new ArrayBackend()));
    await backend.nextData?.(0);
    expect(backend.counters).toEqual({ ...newCounters(), dataQueries: 1 });
  });

  it("counts several backends into one", async () => {
    const counters = newCounters();
    await withCounting(new ArrayBackend(), counters).size();
    await withCounting(new ArrayBackend(), counters).size();
    expect(counters.sizes).toBe(2);
  });
});
