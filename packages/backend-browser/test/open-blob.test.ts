import { openBlob } from "@qcow/backend-browser";
import { describe, expect, it } from "vitest";

const MIB = 1024 * 1024;

/** A Blob that counts slices, and fails as a browser does when the file behind it is gone. */
class StubbornBlob extends Blob {
  readonly slices: number[] = [];
  failure: Error | undefined;
  lost = 0;

  override slice(start = 0, end = this.size): Blob {
    this.slices.push(end - start);
    const { failure, lost } = this;
    const slice = super.slice(start, end - lost);
    if (failure !== undefined) slice.arrayBuffer = () => Promise.reject(failure);
    return slice;
  }
}

describe("openBlob", () => {
  it("is called as its file is, or as the caller says", () => {
    expect(openBlob(new File([], "disk.qcow2")).label).toBe("disk.qcow2");
    expect(openBlob(new Blob([])).label).toBe("blob");
    expect(openBlob(new File([], "disk.qcow2"), "my disk").label).toBe("my disk");
  });

  it("holds no more than a few MiB of a large read at once", async () => {
    const blob = new StubbornBlob([new Uint8Array(9 * MIB).fill(7)]);
    const target = new Uint8Array(9 * MIB);
    await openBlob(blob).read(0, target);
    expect(target.every((byte) => byte === 7)).toBe(true);
    expect(blob.slices).toEqual([4 * MIB, 4 * MIB, MIB]);
  });

  it.each([
    ["NotReadableError", "BACKEND_CHANGED"],
    ["NotFoundError", "BACKEND_NOT_FOUND"],
    ["SecurityError", "BACKEND_PERMISSION"],
    ["UnknownError", "BACKEND_IO"],
  ])("says what a %s of the browser means, and keeps it as the cause", async (name, code) => {
    const blob = new StubbornBlob([new Uint8Array(100)]);
    const failure = new DOMException("no", name);
    blob.failure = failure;
    const read = openBlob(blob, "x").read(10, new Uint8Array(20));
    await expect(read).rejects.toMatchObject({ code, label: "x", offset: 10, length: 20, cause: failure });
  });

  it("rejects when the browser hands out less than the range", async () => {
    const blob = new StubbornBlob([new Uint8Array(100)]);
    blob.lost = 1;
    const read = openBlob(blob).read(0, new Uint8Array(100));
    await expect(read).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
  });

  it("stops a large read between slices when it is cancelled", async () => {
    const blob = new StubbornBlob([new Uint8Array(9 * MIB)]);
    const controller = new AbortController();
    const read = openBlob(blob).read(0, new Uint8Array(9 * MIB), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(read).rejects.toThrow("enough");
    expect(blob.slices).toHaveLength(1);
  });
});
