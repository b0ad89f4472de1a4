import { readOnly, type TraceEvent, withTracing } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

describe("withTracing", () => {
  it("reports each access before and after", async () => {
    const events: TraceEvent[] = [];
    const backend = withTracing(new ArrayBackend(), (event) => events.push(event));
    await backend.write(5, Uint8Array.of(1, 2, 3));
    await backend.size();
    await backend.close();
    const label = "array";
    expect(events).toEqual([
      { phase: "start", operation: "write", id: 1, label, offset: 5, length: 3 },
      { phase: "end", operation: "write", id: 1, label, offset: 5, length: 3 },
      { phase: "start", operation: "size", id: 2, label },
      { phase: "end", operation: "size", id: 2, label, length: 8 },
      { phase: "start", operation: "close", id: 3, label },
      { phase: "end", operation: "close", id: 3, label },
    ]);
  });

  it("reports every kind of access", async () => {
    const operations = new Set<string>();
    const backend = withTracing(new ArrayBackend(), (event) => operations.add(event.operation));
    await backend.resize(100);
    await backend.read(0, new Uint8Array(10));
    await backend.discard?.(0, 10);
    await backend.allocate?.(0, 10);
    await backend.nextData?.(0);
    await backend.flush();
    expect([...operations]).toEqual(["resize", "read", "discard", "allocate", "nextData", "flush"]);
  });

  it("reports failures with their error, and lets them through", async () => {
    const events: TraceEvent[] = [];
    const backend = withTracing(readOnly(new ArrayBackend()), (event) => events.push(event));
    const read = backend.read(0, new Uint8Array(10));
    await expect(read).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
    expect(events.map((event) => event.phase)).toEqual(["start", "error"]);
    expect(events[1]?.error).toMatchObject({ code: "BACKEND_SHORT_READ" });
  });

  it("joins the events of concurrent accesses by their id", async () => {
    const events: TraceEvent[] = [];
    const backend = withTracing(new ArrayBackend(new Uint8Array(9)), (event) => events.push(event));
    await Promise.all([backend.read(0, new Uint8Array(1)), backend.read(1, new Uint8Array(1))]);
    const ends = events.filter((event) => event.phase === "end");
    expect(ends.map(({ id, offset }) => [id, offset])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });
});
