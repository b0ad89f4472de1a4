import { expect, it } from "vitest";
import { elsewhere } from "../src/elsewhere.js";

it("who asks for convert learns of encode and decode", () => {
  expect(elsewhere("convert")).toMatch(/`qcow encode`.*`qcow decode`/);
});

it.each(["info", "nope", "toString"])("%s is somewhere else only if qemu-img has it", (name) => {
  expect(elsewhere(name)).toBeUndefined();
});
