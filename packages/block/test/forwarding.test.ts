import {
  isWritable,
  type ReadableBlockBackend,
  type ReadOptions,
  readOnly,
  withCounting,
  withPadding,
  withTracing,
} from "@qcow/block";
import { describe, expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

const decorators = {
  withPadding: (backend: ReadableBlockBackend) => withPadding(backend),
  withCounting: (backend: ReadableBlockBackend) => withCounting(backend),
  withTracing: (backend: ReadableBlockBackend) => withTracing(backend, () => undefined),
};

describe.each(Object.entries(decorators))("%s", (_name, decorate) => {
  it.each(["discard", "allocate", "nextData"])("has %s exactly when the backend has it", (member) => {
    const able = new ArrayBackend();
    const unable = Object.assign(new ArrayBackend(), { [member]: undefined });
    expect(member in decorate(able)).toBe(true);
    expect(member in decorate(unable)).toBe(false);
  });

  it("hands nextData on for what can only be read", async () => {
    const able = readOnly(new ArrayBackend(Uint8Array.of(0, 0, 7, 0)));
    const unable = readOnly(Object.assign(new ArrayBackend(), { nextData: undefined }));
    expect(await decorate(able).nextData?.(0)).toEqual({ start: 2, end: 3 });
    expect("nextData" in decorate(unable)).toBe(false);
  });

  it("hands on what a read is for, as the hint that it is", async () => {
    const inner = new ArrayBackend(Uint8Array.of(1, 2, 3));
    const seen: (ReadOptions | undefined)[] = [];
    const read = inner.read.bind(inner);
    inner.read = (offset, target, options) => {
      seen.push(options);
      return read(offset, target, options);
    };
    for (const backend of [decorate(inner), decorate(readOnly(inner))])
      await backend.read(1, new Uint8Array(1), { purpose: "metadata" });
    expect(seen).toEqual([{ purpose: "metadata" }, { purpose: "metadata" }]);
  });

  it("says what reads the backend prefers", () => {
    const far = Object.assign(new ArrayBackend(), { preferredReadBytes: 4096 });
    expect(decorate(far).preferredReadBytes).toBe(4096);
    expect(decorate(readOnly(new ArrayBackend())).preferredReadBytes).toBeUndefined();
  });

  it("closes and disposes of the backend", async () => {
    const inner = new ArrayBackend();
    await decorate(inner)[Symbol.asyncDispose]();
    expect(inner.isClosed).toBe(true);
  });
});

describe("readOnly", () => {
  it("has no member that writes", () => {
    const view = readOnly(new ArrayBackend());
    for (const member of ["write", "resize", "flush", "discard", "allocate"])
      expect(member in view).toBe(false);
    expect(isWritable(view)).toBe(false);
    expect(isWritable(new ArrayBackend())).toBe(true);
  });

  it("stays narrow under every decorator", () => {
    const view = readOnly(new ArrayBackend());
    expect(isWritable(withPadding(view))).toBe(false);
    expect(isWritable(withCounting(view))).toBe(false);
    expect(isWritable(withTracing(view, () => undefined))).toBe(false);
  });
});
