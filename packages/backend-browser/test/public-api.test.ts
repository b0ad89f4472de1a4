import * as browser from "@qcow/backend-browser";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(browser).sort()).toMatchInlineSnapshot(`
    [
      "browserClock",
      "openBlob",
      "webCompression",
    ]
  `);
});
