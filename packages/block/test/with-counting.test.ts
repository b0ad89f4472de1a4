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
    });
  });

  it("counts what fails, too", async () => {
    const backend = withCounting(readOnly(new ArrayBackend()));
    await expect(backend.read(0, new Uint8Array(10))).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
    expect(backend.counters).toEqual({ ...newCounters(), reads: 1, bytesRead: 10 });
  });

  it("counts several backends into one", async () => {
    const counters = newCounters();
    await withCounting(new ArrayBackend(), counters).size();
    await withCounting(new ArrayBackend(), counters).size();
    expect(counters.sizes).toBe(2);
  });
});
