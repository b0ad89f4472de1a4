import { type Fault, FaultyBackend, ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { BackendError, readOnly } from "@qcow/block";
import { describe, expect, it } from "vitest";

function faulty(...faults: Fault[]) {
  const memory = MemoryBackend.fromBytes(Uint8Array.of(1, 2, 3, 4));
  return { memory, backend: new FaultyBackend(memory, { faults }) };
}

const codeOf = (operation: Promise<unknown>) =>
  operation.then(
    () => "fine",
    (error: unknown) => (error instanceof BackendError ? error.code : String(error)),
  );

describe("FaultyBackend", () => {
  it("fails the n-th operation of its kind, and no other", async () => {
    const { backend } = faulty({ operation: "read", nth: 2, effect: { kind: "fail" } });
    await backend.size();
    const codes = [];
    for (let round = 0; round < 3; round += 1) codes.push(await codeOf(backend.read(0, new Uint8Array(1))));
    expect(codes).toEqual(["fine", "BACKEND_IO", "fine"]);
    expect(backend.counts).toMatchObject({ any: 4, read: 3, size: 1, write: 0 });
  });

  it("counts all kinds together for a fault in any of them", async () => {
    const { backend } = faulty({ operation: "any", nth: 2, times: 2, effect: { kind: "fail" } });
    expect(await codeOf(backend.size())).toBe("fine");
    expect(await codeOf(backend.flush())).toBe("BACKEND_IO");
    expect(await codeOf(backend.resize(0))).toBe("BACKEND_IO");
    expect(await codeOf(backend.size())).toBe("fine");
  });

  it("fails for ever from the n-th on, with the code that it is given, until it heals", async () => {
    const effect = { kind: "fail", code: "BACKEND_PERMISSION" } as const;
    const { backend, memory } = faulty({
      operation: "flush",
      nth: 1,
      times: Number.POSITIVE_INFINITY,
      effect,
    });
    for (let round = 0; round < 5; round += 1)
      expect(await codeOf(backend.flush())).toBe("BACKEND_PERMISSION");
    backend.heal();
    expect(await codeOf(backend.flush())).toBe("fine");
    expect([...memory.toBytes()]).toEqual([1, 2, 3, 4]);
  });

  it("takes effect before it fails, if only the answer is to be lost", async () => {
    const { backend, memory } = faulty({ operation: "write", nth: 1, effect: { kind: "fail-after" } });
    expect(await codeOf(backend.write(0, Uint8Array.of(9)))).toBe("BACKEND_IO");
    expect([...memory.toBytes()]).toEqual([9, 2, 3, 4]);
  });

  it("reads short: the first bytes arrive, then it says so", async () => {
    const { backend } = faulty({ operation: "read", nth: 1, effect: { kind: "short", bytes: 2 } });
    const target = new Uint8Array(4);
    expect(await codeOf(backend.read(0, target))).toBe("BACKEND_SHORT_READ");
    expect([...target]).toEqual([1, 2, 0, 0]);
  });

  it("tears a write; an operation that transfers nothing then has no effect", async () => {
    const short = { kind: "short", bytes: 1 } as const;
    const { backend, memory } = faulty(
      { operation: "write", nth: 1, effect: short },
      { operation: "resize", nth: 1, effect: short },
      { operation: "discard", nth: 1, effect: short },
    );
    expect(await codeOf(backend.write(0, Uint8Array.of(8, 9)))).toBe("BACKEND_IO");
    expect(await codeOf(backend.resize(0))).toBe("BACKEND_IO");
    expect(await codeOf(backend.discard?.(0, 4) ?? Promise.resolve())).toBe("BACKEND_IO");
    expect([...memory.toBytes()]).toEqual([8, 2, 3, 4]);
  });

  it("delays by its clock, and can be cancelled meanwhile", async () => {
    const clock = new ManualClock();
    const memory = MemoryBackend.fromBytes(Uint8Array.of(1));
    const faults: Fault[] = [{ operation: "read", nth: 1, times: 2, effect: { kind: "delay", ms: 50 } }];
    const backend = new FaultyBackend(memory, { faults, clock });
    const controller = new AbortController();
    const slow = codeOf(backend.read(0, new Uint8Array(1)));
    const cancelled = backend.read(0, new Uint8Array(1), { signal: controller.signal });
    await backend.read(0, new Uint8Array(1));
    expect(clock.pending).toBe(2);
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ name: "AbortError" });
    await clock.advance(50);
    expect(await slow).toBe("fine");
  });

  it("holds an operation until it is let go, so that others overtake it", async () => {
    let letGo = () => {};
    const until = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { backend, memory } = faulty({ operation: "write", nth: 1, effect: { kind: "hold", until } });
    const held = backend.write(0, Uint8Array.of(7, 7));
    await backend.write(0, Uint8Array.of(8));
    expect([...memory.toBytes(0, 2)]).toEqual([8, 2]);
    letGo();
    await held;
    expect([...memory.toBytes(0, 2)]).toEqual([7, 7]);
  });

  it("first waits and then fails where both hit the same operation", async () => {
    const { backend } = faulty({ operation: "size", nth: 1, effect: { kind: "fail" } });
    let released = false;
    const until = Promise.resolve().then(() => {
      released = true;
    });
    backend.add({ operation: "size", nth: 1, effect: { kind: "hold", until } });
    expect(await codeOf(backend.size())).toBe("BACKEND_IO");
    expect(released).toBe(true);
  });

  it("says that a delay needs a clock", async () => {
    const { backend } = faulty({ operation: "size", nth: 1, effect: { kind: "delay", ms: 1 } });
    expect(await codeOf(backend.size())).toContain("no clock");
  });

  it("can be narrowed to reading", async () => {
    const { backend } = faulty({ operation: "read", nth: 1, effect: { kind: "fail" } });
    const view = readOnly(backend);
    expect("write" in view).toBe(false);
    expect(await codeOf(view.read(0, new Uint8Array(1)))).toBe("BACKEND_IO");
  });
});
