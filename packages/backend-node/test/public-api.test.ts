import * as node from "@qcow/backend-node";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(node).sort()).toMatchInlineSnapshot(`
    [
      "nodeCompression",
      "openReadable",
      "openWritable",
      "pipeChunks",
      "systemClock",
    ]
  `);
});
