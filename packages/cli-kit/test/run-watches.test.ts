import { expect, it, vi } from "vitest";
import type { CommandExtension } from "../src/command-extension.js";
import type { RunContext, RunWatch } from "../src/run-watch.js";
import { RunWatches } from "../src/run-watches.js";

const context: RunContext = {
  command: "info",
  version: "1.0.0",
  flags: {},
  signal: new AbortController().signal,
  note: () => undefined,
};
const outcome = { exitCode: 0, error: undefined, interrupted: false };

function extension(watch: RunWatch | undefined): CommandExtension {
  return { flags: () => ({}), begin: () => watch };
}

async function begun(...watches: readonly (RunWatch | undefined)[]): Promise<RunWatches> {
  const all = new RunWatches();
  await all.begin(watches.map(extension), context);
  return all;
}

it("without a watch nothing is watched", async () => {
  const watches = await begun(undefined);
  expect([watches.image, watches.nbd]).toEqual([undefined, undefined]);
});

it("a watch that is not interested in images costs the engine nothing", async () => {
  const watches = await begun({ nbd: {} }, { image: () => undefined });
  expect(watches.image?.({ address: "a", writable: false })).toBeUndefined();
});

it("several watches see the same image and its end", async () => {
  const told: unknown[] = [];
  const watch = (name: string): RunWatch => ({
    image: ({ id }) => ({
      observer: { guestRead: ({ length }) => told.push([name, id, length]) },
      closed: (last) => told.push([name, last]),
    }),
  });
  const image = (await begun(watch("a"), watch("b"))).image?.({ address: "x/disk", writable: true });
  image?.observer?.guestRead?.({ offset: 0, length: 7 });
  image?.closed?.();
  expect(told).toEqual([
    ["a", "disk", 7],
    ["b", "disk", 7],
    ["a", undefined],
    ["b", undefined],
  ]);
});

it("all are finished, once, and one that fails keeps none from it", async () => {
  const finish = vi.fn();
  const watches = await begun({ finish: () => Promise.reject(new Error("full")) }, { finish });
  const warn = vi.fn();
  await watches.finish(outcome, warn);
  await watches.finish(outcome, warn);
  expect(finish.mock.calls).toEqual([[outcome]]);
  expect(warn.mock.calls).toEqual([[new Error("full")]]);
});

it("those that began are finished when another one refuses to", async () => {
  const finish = vi.fn();
  const watches = new RunWatches();
  const refusing: CommandExtension = {
    flags: () => ({}),
    begin: () => {
      throw new Error("no such port");
    },
  };
  await expect(watches.begin([extension({ finish }), refusing], context)).rejects.toThrow("no such port");
  await watches.finish(outcome, () => undefined);
  expect(finish).toHaveBeenCalledOnce();
});
