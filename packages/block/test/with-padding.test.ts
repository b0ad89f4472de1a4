import { BackendError, withCounting, withPadding } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

describe("withPadding", () => {
  it("adds nothing to a read that lies inside", async () => {
    const inner = withCounting(new ArrayBackend(new Uint8Array(100)));
    await withPadding(inner).read(0, new Uint8Array(100));
    expect(inner.counters).toMatchObject({ reads: 1, sizes: 0 });
  });

  it("asks the size once when a read crosses the end, and reads nothing when it starts past it", async () => {
    const inner = withCounting(new ArrayBackend(new Uint8Array(100).fill(7)));
    const target = new Uint8Array(20).fill(0xee);
    await withPadding(inner).read(90, target);
    expect([...target]).toEqual([...Array(10).fill(7), ...Array(10).fill(0)]);
    expect(inner.counters).toMatchObject({ reads: 2, sizes: 1 });
    await withPadding(inner).read(100, target);
    expect(inner.counters).toMatchObject({ reads: 3, sizes: 2 });
  });

  it("reads what has grown meanwhile", async () => {
    const inner = new ArrayBackend(new Uint8Array(10).fill(7));
    inner.size = async () => {
      inner.setLength(40);
      return inner.bytes.length;
    };
    const target = new Uint8Array(20).fill(0xee);
    await withPadding(inner).read(0, target);
    expect([...target]).toEqual([...Array(10).fill(7), ...Array(10).fill(0)]);
  });

  it("says so when the backend shrinks meanwhile", async () => {
    const inner = new ArrayBackend(new Uint8Array(10));
    inner.size = async () => 15;
    const read = withPadding(inner).read(0, new Uint8Array(20));
    await expect(read).rejects.toMatchObject({
      code: "BACKEND_CHANGED",
      label: "array",
      offset: 0,
      length: 15,
      cause: { code: "BACKEND_SHORT_READ" },
    });
  });

  it("hands other failures on, of the first read and of the second", async () => {
    const inner = withCounting(new ArrayBackend(new Uint8Array(10)));
    const broken = new BackendError("BACKEND_IO", "broken");
    inner.size = () => Promise.reject(broken);
    await expect(withPadding(inner).read(0, new Uint8Array(20))).rejects.toBe(broken);
    inner.read = () => Promise.reject(broken);
    await expect(withPadding(inner).read(0, new Uint8Array(5))).rejects.toBe(broken);
  });

  it("keeps what can be written writable, and label and identity", async () => {
    const inner = new ArrayBackend();
    const padded = withPadding(inner);
    await padded.write(0, Uint8Array.of(1, 2, 3));
    expect([...inner.bytes]).toEqual([1, 2, 3]);
    expect(padded.label).toBe("array");
    expect(padded.identity).toBe("array:1");
  });
});
