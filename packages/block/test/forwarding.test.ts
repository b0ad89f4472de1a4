import { isWritable, readOnly, withCounting, withPadding, withTracing } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

const decorators = {
  withPadding: (backend: ArrayBackend) => withPadding(backend),
  withCounting: (backend: ArrayBackend) => withCounting(backend),
  withTracing: (backend: ArrayBackend) => withTracing(backend, () => undefined),
};

describe.each(Object.entries(decorators))("%s", (_name, decorate) => {
  it("has discard exactly when the backend has it", () => {
    const able = new ArrayBackend();
    const unable = Object.assign(new ArrayBackend(), { discard: undefined });
    expect("discard" in decorate(able)).toBe(true);
    expect("discard" in decorate(unable as unknown as ArrayBackend)).toBe(false);
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
    for (const member of ["write", "resize", "flush", "discard"]) expect(member in view).toBe(false);
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
