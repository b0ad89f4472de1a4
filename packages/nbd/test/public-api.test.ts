import * as nbd from "@qcow/nbd";
import * as node from "@qcow/nbd/node";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(nbd).sort()).toMatchInlineSnapshot(`
    [
      "AllocationFlag",
      "BASE_ALLOCATION",
      "NbdServer",
      "StatusList",
      "imageExport",
    ]
  `);
  expect(Object.keys(node).sort()).toMatchInlineSnapshot(`
    [
      "listen",
      "nodeTls",
      "socketStream",
    ]
  `);
});
