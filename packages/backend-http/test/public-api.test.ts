import * as http from "@qcow/backend-http";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(http).sort()).toMatchInlineSnapshot(`
    [
      "HttpBackend",
      "HttpBudget",
      "openHttp",
      "redactUrl",
    ]
  `);
});
