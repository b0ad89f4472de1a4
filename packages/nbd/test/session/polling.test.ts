import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, test, vi } from "vitest";
import { Polling } from "../../src/session/polling.js";

const { turns } = vi.hoisted(() => ({ turns: { count: 0 } }));
vi.mock("@qcow/block", async (original) => {
  const block = await original<typeof import("@qcow/block")>();
  return {
    ...block,
    afterTurn: (task: () => void) => {
      turns.count++;
      block.afterTurn(task);
    },
  };
});

/** Long enough for any polling to end. */
async function pause(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate();
}

beforeEach(() => {
  turns.count = 0;
});

test("polls after a request, and not for ever", async () => {
  const polling = new Polling();
  polling.noteRequest();
  await pause();
  expect(turns.count).toBe(40);
});

test("goes on while requests come in time", async () => {
  const polling = new Polling();
  for (let request = 0; request < 10; request++) {
    polling.noteRequest();
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  }
  expect(turns.count).toBeGreaterThanOrEqual(190);
});

test("a client that is slow is polled for less and less", async () => {
  const polling = new Polling();
  const polled: boolean[] = [];
  for (let request = 0; request < 40; request++) {
    const before = turns.count;
    polling.noteRequest();
    await pause();
    polled.push(turns.count > before);
  }
  // After 1, 2, 4, 8, 16 that go by.
  expect(polled.flatMap((was, index) => (was ? [index] : []))).toEqual([0, 2, 5, 10, 19, 36]);
});

test("requests in time make it patient again", async () => {
  const polling = new Polling();
  for (let request = 0; request < 20; request++) {
    polling.noteRequest();
    await pause();
  }
  for (let request = 0; request < 100; request++) polling.noteRequest();
  await pause();
  turns.count = 0;
  // One goes by, as at the beginning.
  polling.noteRequest();
  await pause();
  polling.noteRequest();
  await pause();
  expect(turns.count).toBe(40);
});
