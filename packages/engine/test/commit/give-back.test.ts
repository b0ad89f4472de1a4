// Clusters that are free again: first for the host, then for the image. A stale punch must not hit a cluster that is in
// use again.

import { BackendError, type BlockBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { giveBack } from "../../src/commit/give-back.js";
import { makeAllocator } from "../allocate/make-allocator.js";
import { settle } from "../write/gates.js";

function hostThat(discard: BlockBackend["discard"]): BlockBackend {
  return { discard } as BlockBackend;
}

describe("giving back", () => {
  test("punches what was discarded before it can be had again, and never what somebody has (no stale punch)", async () => {
    const { allocator, pending, first } = await makeAllocator();
    await allocator.reserve(6);
    pending.add(first, 3, true);
    pending.add(first + 4, 1, false);
    let go = (): void => undefined;
    const punched: [number, number][] = [];
    const host = hostThat(async (offset, length) => {
      punched.push([offset / 512, length / 512]);
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    const giving = giveBack(allocator, pending.take(), () => undefined, host);
    await settle();
    expect(punched).toEqual([[first, 3]]);
    expect((await allocator.reserve(1)).runs.first(0)).toBe(first + 6);
    go();
    await giving;
    expect(punched).toHaveLength(1);
    expect((await allocator.reserve(1)).runs.first(0)).toBe(first);
  });

  /** An allocator whose every second cluster waits to be free. */
  async function scattered(runs: number) {
    const made = await makeAllocator();
    await made.allocator.reserve(2 * runs);
    for (let run = 0; run < runs; run++) made.pending.add(made.first + 2 * run, 1, true);
    return made;
  }

  test("punches some at once, so that a busy host does not make a queue of them", async () => {
    const { allocator, pending, first, store } = await scattered(40);
    let underWay = 0;
    let most = 0;
    const host = hostThat(async () => {
      most = Math.max(most, ++underWay);
      await settle();
      underWay--;
    });
    await giveBack(allocator, pending.take(), () => undefined, host);
    expect(most).toBe(16);
    expect(Array.from({ length: 80 }, (_, index) => store.get(first + index))).toEqual(
      Array.from({ length: 80 }, (_, index) => index % 2),
    );
  });

  test("begins no more after a failure, and waits for what is under way", async () => {
    const { allocator, pending, first, store } = await scattered(40);
    let begun = 0;
    let ended = 0;
    const host = hostThat(async () => {
      if (++begun === 3) throw new TypeError("a bug");
      await settle();
      ended++;
    });
    await expect(giveBack(allocator, pending.take(), () => undefined, host)).rejects.toThrow("a bug");
    expect(begun).toBe(16);
    expect(ended).toBe(15);
    expect(store.get(first + 4)).toBe(1);
  });

  test("leaves alone what something still references", async () => {
    const { allocator, pending, first, store } = await makeAllocator();
    await allocator.reserve(3);
    allocator.tryAddReference(first + 1);
    pending.add(first, 3, true);
    const freed: [number, number][] = [];
    const punched: number[] = [];
    const host = hostThat(async (offset) => void punched.push(offset / 512));
    await giveBack(allocator, pending.take(), (from, count) => freed.push([from, count]), host);
    expect(freed).toEqual([
      [first, 1],
      [first + 2, 1],
    ]);
    expect(punched).toEqual([first, first + 2]);
    expect(store.get(first + 1)).toBe(1);
  });

  test("frees the image's cluster also where the host cannot punch or fails to", async () => {
    for (const host of [
      undefined,
      {} as BlockBackend,
      hostThat(async () => {
        throw new BackendError("BACKEND_IO", "no holes today");
      }),
    ]) {
      const { allocator, pending, first, store } = await makeAllocator();
      await allocator.reserve(2);
      pending.add(first, 2, true);
      await giveBack(allocator, pending.take(), () => undefined, host);
      expect([store.get(first), store.get(first + 1)]).toEqual([0, 0]);
    }
  });
});
