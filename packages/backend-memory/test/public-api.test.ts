import * as memory from "@qcow/backend-memory";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(memory).sort()).toMatchInlineSnapshot(`
    [
      "CrashingBackend",
      "FaultyBackend",
      "ManualClock",
      "MemoryBackend",
    ]
  `);
});
