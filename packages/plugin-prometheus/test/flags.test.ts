import { expect, it } from "vitest";
import { metricsFlags } from "../src/flags.js";
import * as api from "../src/index.js";

it("every command can leave its metrics somewhere, and servers can be asked for them", () => {
  const forAll = ["metrics-file", "metrics-push", "metrics-names", "metrics-id"];
  expect(Object.keys(metricsFlags("info"))).toEqual(forAll);
  expect(Object.keys(metricsFlags("serve"))).toEqual([...forAll, "metrics-port", "metrics-listen"]);
});

it("exports these names and no others", () => {
  expect(Object.keys(api).sort()).toEqual(["openEndpoint", "writeWhole"]);
});
